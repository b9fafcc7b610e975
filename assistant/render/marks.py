"""What the user said of a fix, in the words that pages use."""

from __future__ import annotations

from collections.abc import Mapping

from kb.types import Mark, MarkWord

MARKED: Mapping[MarkWord, str] = {
    "tried": "tried",
    "helped": "helped",
    "did-not": "did not help",
}
"""Shown beside a marked fix."""


def marked_in_full(mark: Mark) -> str:
    """Return the mark with its day and its run, as far as they are known."""
    day = f" on {mark.marked_at[:10]}" if mark.marked_at else ""
    run = f" in {mark.run}" if mark.run else ""
    return f"{MARKED[mark.word]}{day}{run}"
