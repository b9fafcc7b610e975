"""One fix as a row of the worklist, and the words by which the filter finds it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from assistant.render.worklist import COSTS, HEADINGS, cure_of, likely, setting_of
from assistant.worklist import State, WorkItem
from tui.plain import shown_line

SIGNS: Mapping[State, tuple[str, str]] = {
    "to try": ("○", "dim"),
    "tried": ("●", "$text-accent"),
    "helped": ("✓", "$text-success"),
    "did-not": ("✗", "$text-error"),
    "already so": ("✓", "dim"),
}
"""The sign before a fix and its colour; the heading above says the same in words."""

ONE_LINE_FROM = 64
"""Columns from which title and facts share a line."""


def row(item: WorkItem, width: int) -> Content:
    """Return an item in one line, or in two where the list is narrow."""
    sign, colour = SIGNS[item.state]
    lead = Content.styled(f"{sign} ", colour)
    faded = item.state in ("did-not", "already so")
    title = Content.styled(shown_line(item.fix.title.rstrip(".")), "dim" if faded else "")
    facts = Content.styled(facts_of(item), "dim")
    if width >= ONE_LINE_FROM:
        room = width - 3 - facts.cell_length
        kept = title.truncate(room, ellipsis=True).pad_right(
            max(room - min(title.cell_length, room), 0)
        )
        return Content("").join([lead, kept, " ", facts])
    first = title.truncate(width - 2, ellipsis=True)
    second = facts.truncate(width - 2, ellipsis=True)
    return Content("").join([lead, first, "\n  ", second])


def facts_of(item: WorkItem) -> str:
    """Return cost, cure rate and the likeliest cause of an item."""
    parts = [COSTS[item.fix.cost]] if item.fix.cost else ["cost unknown"]
    if item.fix.cure_rate:
        cured, seeds, *_ = item.fix.cure_rate
        parts.append(f"cured {cured}/{seeds}")
    if item.owner == "user":
        parts.append("yours")
    if item.doubt:
        parts.append("✗ claim refuted")
    elif item.proposed_for:
        first = item.proposed_for[0]
        name = shown_line(first.entry_id.rpartition("/")[2])
        share = f"{likely(first.confidence).partition(' likely')[0]} " if first.confidence else ""
        more = f" +{len(item.proposed_for) - 1}" if len(item.proposed_for) > 1 else ""
        parts.append(f"{share}{name}{more}")
    return " · ".join(parts)


def words_of(item: WorkItem) -> str:
    """Return what the filter searches, in lower case."""
    causes = [f"{one.entry_id} {one.title}" for one in item.proposed_for]
    parts = [
        item.fix.title,
        *item.ids,
        *causes,
        setting_of(item.fix),
        COSTS[item.fix.cost] if item.fix.cost else "",
        cure_of(item.fix),
        HEADINGS[item.state],
    ]
    return " ".join(parts).lower()


def matches(text: str, asked: str) -> bool:
    """Return whether `text`, in lower case, holds every word of `asked`."""
    return all(word in text for word in asked.lower().split())
