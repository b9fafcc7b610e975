"""Inline Markdown of our own entries, reduced to the words a reader sees."""

from __future__ import annotations

import re

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__)(.+?)\1")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def plain(markdown: str) -> str:
    """Return `markdown` without link targets, emphasis and code marks, on one line."""
    text = _LINK.sub(r"\1", markdown)
    text = _EMPHASIS.sub(r"\2", text).replace("`", "")
    return " ".join(text.split())


def strip_controls(text: str) -> str:
    """Return `text` without terminal escapes, control and direction-changing characters."""
    return _CONTROL.sub("", text)
