"""Items and shelves of the catalogue as rows of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from textual.content import Content

from assistant.shelf import NOT_WRITTEN, YOURS, ShelfItem
from tui.plain import shown_line

SIGNS: Mapping[str, str] = {
    "draft": "○",
    "documented": "●",
    "reproduced": "●",
    "cured": "✓",
    "refuted": "✗",
    "method": "▌",
    YOURS: "▌",
    NOT_WRITTEN: "·",
}
"""The sign before an item; its standing says the same in words."""

MEANINGS: Mapping[str, str] = {
    "draft": "claimed by a source",
    "documented": "its references were read",
    "reproduced": "the fault was put in, symptom and signature were seen",
    "cured": "a fix was measured over seeds",
    "refuted": "a popular claim that experiments contradict",
    YOURS: "from your own notes",
    NOT_WRITTEN: "a topic of the list without a page",
}
"""What a standing means, in few words."""

ONE_LINE_FROM = 70
"""Columns from which title and facts share a line."""


def row(item: ShelfItem, width: int) -> Content:
    """Return an item in one line, or in two where the list is narrow."""
    yours = item.owner == "user"
    style = "dim" if item.kind == "topic" else "$text-success" if yours else ""
    sign = Content.styled(f"{SIGNS.get(item.standing, '○')} ", style or "$text-accent")
    lead = Content("  ") + sign if yours and item.kind == "entry" else sign
    title = Content.styled(shown_line(item.title) or shown_line(item.id), style)
    facts = Content.styled(facts_of(item), "dim")
    room = width - lead.cell_length
    if width >= ONE_LINE_FROM:
        left = max(room - facts.cell_length - 1, 10)
        kept = title.truncate(left, ellipsis=True)
        return Content("").join([lead, kept, " " * (left - kept.cell_length + 1), facts])
    indent = " " * lead.cell_length
    first = title.truncate(room, ellipsis=True)
    return Content("").join([lead, first, f"\n{indent}", facts.truncate(room, ellipsis=True)])


def facts_of(item: ShelfItem) -> str:
    """Return what stands below a title: whose it is, how much evidence, which document."""
    if item.kind == "document" and item.owner == "user":
        count = f"{item.n_entries} entries" if item.n_entries != 1 else "1 entry"
        held = count if item.n_entries else item.dialect.replace("_", " ")
        return f"yours · {held} · {shown_line(PurePath(item.document).name)}"
    if item.kind == "document":
        return "method document"
    return f"{item.standing} · {shown_line(item.id)}"


def shelf_row(name: str, count: str, width: int) -> Content:
    """Return a shelf with how much stands on it."""
    room = max(width - len(count) - 1, 4)
    title = Content(shown_line(name)).truncate(room, ellipsis=True)
    gap = " " * (room - title.cell_length + 1)
    return Content("").join([title, gap, Content.styled(count, "dim")])


def counted(items: Sequence[ShelfItem]) -> str:
    """Return how many items there are, or how many of them are written."""
    written = sum(item.kind != "topic" for item in items)
    return f"{written}" if written == len(items) else f"{written}/{len(items)}"


def headed(name: str, items: Sequence[ShelfItem]) -> str:
    """Return the heading of a group with its size, and how much of it is written."""
    written = sum(item.kind != "topic" for item in items)
    size = f"{written}" if written == len(items) else f"{written} of {len(items)} written"
    return f"{shown_line(name)} ({size})"
