"""Inline Markdown of our own entries, reduced to the words a reader sees."""

from __future__ import annotations

import re

# Every pattern takes linear time on any text: hostile passages are shown through them too.
_CODE = re.compile(r"(?<!`)(?:```++\w*\n|`++)([^`]+)`++")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()\0]*(?:\([^()\0]*\)[^()\0]*)*\)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.{1,400}?)(?<=\S)\1", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*]+?)(?<=\S)\*(?![\w*])")
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor movement
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]*(?:\x07|\x1b\\|\x9c)"  # titles, links, clipboard
    r"|\x1b[ -/]*[0-Z\\^-~]"
)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


def plain(markdown: str) -> str:
    """Return `markdown` without link targets, emphasis and code marks, on one line.

    What stands in code stays as it is: `term__inv` has no emphasis in it.
    """
    codes: list[str] = []

    def hide(code: re.Match[str]) -> str:
        codes.append(code[1])
        return "\0"

    # Hidden rather than cut out, since emphasis may span code: `**Set `lr`.**`
    text = _CODE.sub(hide, markdown.replace("\0", ""))
    text = _STRONG.sub(r"\2", _LINK.sub(r"\1", text))
    text = _EMPHASIS.sub(r"\1", text).replace("`", "")
    shown = iter(codes)
    return " ".join(re.sub("\0", lambda _: next(shown), text).split())


def strip_controls(text: str) -> str:
    """Return `text` without terminal escapes, control and direction-changing characters.

    Newlines and tabs stay.
    """
    return _CONTROL.sub("", _ESCAPE.sub("", text))
