"""Take out of foreign text what could act on a terminal or reorder what a reader sees."""

from __future__ import annotations

import re

_NEWLINE = re.compile(r"\r\n?|\n")

_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])"  # OSC, DCS and other strings ...
    r"[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c)"  # ... up to their terminator
    r"|\x1b[ -/]*[0-Z\\^-~]"  # two-character escapes
)

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 and C1 controls except tab and newline
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, overrides and isolates
    "\ufeff\ud800-\udfff]"  # byte order mark, lone surrogates
)


def clean(text: str) -> str:
    """Return `text` without terminal escapes, control and bidi characters; tabs stay."""
    return _UNSAFE.sub("", _ESCAPE_SEQUENCE.sub("", text))


def source_lines(text: str) -> list[str]:
    """Split `text` at the line endings Markdown knows, the last empty line left out.

    `str.splitlines` also splits at form feeds and Unicode separators, which would shift
    every line number after them.
    """
    lines = _NEWLINE.split(text)
    if lines[-1] == "":
        lines.pop()
    return lines
