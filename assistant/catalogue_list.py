"""Rows for `ssl-doctor list`: entries, documents, metrics and closed forms."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.fingerprints import fingerprints
from assistant.knowledge import Knowledge, Notify, silent
from assistant.shelf import YOURS, ShelfItem, shelf
from kb.closed_forms import forms
from kb.errors import UsageError, nearest
from kb.topics import topics
from kb.types import STATUSES
from kb.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that exists: its id, what kind of thing, and a line about it."""

    id: str
    kind: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON types."""
        return {"id": self.id, "kind": self.kind, "text": self.text}


def entry_rows(
    *,
    family: str | None,
    mine: bool,
    all_topics: bool,
    status: str | None = None,
    method: str | None = None,
    notify: Notify = silent,
) -> list[Row]:
    """Return entries and documents: ours, then the user's, then topics that are not written.

    Raises UsageError for a family, status or method that does not exist.
    """
    known = {topic.family for topic in topics().values()}
    if not mine:
        _check("family", family, known)
    _check("status", status, {*STATUSES, YOURS})
    items = shelf(Knowledge.open(notify))
    _check("method", method, {name for item in items for name in item.methods})
    kept = [
        item
        for item in items
        if family in (None, item.family)
        and status in (None, item.standing)
        and (method is None or method in item.methods)
        and (item.owner == "user" or not mine)
        and (item.kind != "topic" or (all_topics and not mine))
        and not (item.kind == "document" and item.n_entries)
    ]
    kept.sort(key=lambda item: (item.kind == "topic", item.owner == "user"))
    return [Row(item.id, _kind(item), item.title) for item in kept]


def _check(what: str, asked: str | None, known: set[str]) -> None:
    if asked is not None and asked not in known:
        raise UsageError(
            f'there is no {what} "{asked}"{nearest(asked, known)}',
            hint=f"{_PLURALS[what]}: {', '.join(sorted(known))}",
        )


_PLURALS = {"family": "families", "status": "statuses", "method": "methods"}


def _kind(item: ShelfItem) -> str:
    return f"yours, {item.dialect}" if item.standing == YOURS and item.dialect else item.standing


def metric_rows() -> list[Row]:
    """Return the metric vocabulary."""
    known = vocabulary()
    return [Row(one.name, one.unit, one.meaning) for one in known]


def form_rows(method: str | None = None) -> list[Row]:
    """Return every closed form with its formula; those of a method with their usual values.

    Raises UsageError for a method that has none.
    """
    if method is None:
        return [Row(f"{one.quantity}({one.name})", "formula", one.formula) for one in forms()]
    return [
        Row(f"{line.quantity}({line.loss})", "formula", f"{line.formula}; {line.said}")
        for line in fingerprints(method)
    ]
