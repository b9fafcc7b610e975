"""Rows for `ssl-doctor list`: entries, documents, metrics and closed forms."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.knowledge import Knowledge, Notify, silent
from kb.closed_forms import forms
from kb.errors import UsageError, nearest
from kb.topics import topics
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
    *, family: str | None, mine: bool, all_topics: bool, notify: Notify = silent
) -> list[Row]:
    """Return entries and documents of both stores, sorted by id within each.

    Raises UsageError for a family that does not exist.
    """
    families = {topic.family for topic in topics().values()}
    if family is not None and family not in families and not mine:
        raise UsageError(
            f'there is no family "{family}"{nearest(family, families)}',
            hint=f"families: {', '.join(sorted(families))}",
        )
    knowledge = Knowledge.open(notify)
    rows: list[Row] = []
    written: set[str] = set()
    for store in knowledge.stores:
        bundled = store is knowledge.bundled
        if mine and bundled:
            continue
        for entry in store.entries():
            written.add(entry.id)
            if family in (None, entry.family):
                rows.append(Row(entry.id, entry.status if bundled else "yours", entry.title))
        for document in store.documents():
            if document.n_entries == 0 and family is None:
                kind = "method" if bundled else f"yours, {document.dialect}"
                rows.append(Row(document.id, kind, document.title))
    if all_topics and not mine:
        rows += [
            Row(topic.id, "not written", topic.title)
            for topic in topics().values()
            if topic.id not in written and family in (None, topic.family)
        ]
    return rows


def metric_rows() -> list[Row]:
    """Return the metric vocabulary."""
    known = vocabulary()
    return [Row(one.name, one.unit, one.meaning) for one in known]


def form_rows() -> list[Row]:
    """Return every closed form with its formula."""
    return [Row(f"{one.quantity}({one.name})", "formula", one.formula) for one in forms()]
