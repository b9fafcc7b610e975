"""Text from outside, made fit to be shown: never markup, nothing a terminal obeys, bounded.

Textual parses markup in `str` content; everything from files goes through here and into
`Content` or `Text`, which are shown as they stand.
"""

from __future__ import annotations

import re

from textual.content import Content

from kb.plain_text import strip_controls

MOST = 20_000
"""Characters shown of one piece of text; more is cut, and said so. Layout takes time linear in
the length, 20,000 wrap in under 10 ms."""

_COMBINING = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]+"
)


def shown(text: str, most: int = MOST) -> str:
    """Return `text` without escapes, control, direction and zero-width characters, cut to `most`.

    Newlines stay; tabs become spaces.
    """
    # Cut first: ten megabytes must not be searched to show a page of them.
    cut = text[: 4 * most]
    clean = _COMBINING.sub(r"\1", strip_controls(cut)).expandtabs(4)
    if len(clean) > most or len(cut) < len(text):
        return f"{clean[:most]} … ({len(text):,} characters)"
    return clean


def shown_line(text: str, most: int = 400) -> str:
    """Return `text` on one line; see `shown`."""
    clean = " ".join(strip_controls(text[: 4 * most]).split())
    clean = _COMBINING.sub(r"\1", clean)
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def content(text: str, style: str = "") -> Content:
    """Return `text` as content that is never parsed as markup."""
    return Content.styled(shown(text), style) if style else Content(shown(text))
