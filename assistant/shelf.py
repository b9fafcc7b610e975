"""Everything there is to read, one item each: entries, documents, and topics not written yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.knowledge import Knowledge
from kb.store import Store
from kb.topics import topics
from kb.types import STATUSES, Owner

Kind = Literal["entry", "document", "topic"]
"""An entry; a document that is read whole; a topic of the taxonomy that nobody has written."""

Grouping = Literal["family", "status", "method"]

YOURS = "yours"
NOT_WRITTEN = "not written"
METHOD_DOCUMENTS = "method documents"
ANY = "any"


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """Something to read. `standing` is the status of a bundled entry, else `yours`, `method` or
    `not written`; `document` the id of the document that holds it, "" for a topic."""

    id: str
    kind: Kind
    title: str
    family: str
    standing: str
    methods: tuple[str, ...] = ()
    owner: Owner | None = None
    document: str = ""
    dialect: str = ""
    n_entries: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Items that share a family, a standing or a method."""

    name: str
    items: tuple[ShelfItem, ...]


def shelf(knowledge: Knowledge) -> tuple[ShelfItem, ...]:
    """Return the user's documents, each before its entries, then ours, then what is not written."""
    held: list[ShelfItem] = []
    if knowledge.user is not None:
        held += _users(knowledge.user)
    held += _bundled(knowledge)
    written = {item.id for item in held}
    held += [
        ShelfItem(topic.id, "topic", topic.title, topic.family, NOT_WRITTEN)
        for topic in topics().values()
        if topic.id not in written
    ]
    return tuple(held)


def _users(store: Store) -> Iterator[ShelfItem]:
    by_document: dict[str, list[ShelfItem]] = {}
    for document_id, entry in store.entries_with_documents():
        item = ShelfItem(
            entry.id, "entry", entry.title, YOURS, YOURS, entry.methods, "user", document_id
        )
        by_document.setdefault(document_id, []).append(item)
    for info in store.documents():
        yield ShelfItem(
            info.id, "document", info.title, YOURS, YOURS, (), "user", info.id,
            info.dialect, info.n_entries,
        )  # fmt: skip
        yield from by_document.get(info.id, ())


def _bundled(knowledge: Knowledge) -> Iterator[ShelfItem]:
    for entry in knowledge.bundled_entries:
        yield ShelfItem(
            entry.id, "entry", entry.title, entry.family, entry.status, entry.methods, "bundled",
            entry.id,
        )  # fmt: skip
    for info in knowledge.bundled.documents():
        if info.n_entries == 0:
            method = info.id.rpartition("/")[2]
            yield ShelfItem(
                info.id, "document", info.title, METHOD_DOCUMENTS, "method", (method,), "bundled",
                info.id, info.dialect,
            )  # fmt: skip


def grouped(items: Sequence[ShelfItem], by: Grouping) -> tuple[Group, ...]:
    """Return the items in groups: the user's first, families and methods by name, statuses by
    evidence. An entry for several methods stands in several groups; one for none under `any`."""
    keys: Callable[[ShelfItem], Iterable[str]] = {
        "family": lambda item: (item.family,),
        "status": lambda item: (item.standing,),
        "method": lambda item: item.methods or (ANY,),
    }[by]
    held: dict[str, list[ShelfItem]] = {}
    for item in items:
        for key in keys(item):
            held.setdefault(key, []).append(item)
    order = (YOURS, *STATUSES[::-1], "method", NOT_WRITTEN) if by == "status" else (YOURS,)
    names = sorted(held, key=lambda name: (_place(order, name), name == ANY, name))
    return tuple(Group(name, tuple(held[name])) for name in names)


def _place(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def found(items: Iterable[ShelfItem], asked: str) -> tuple[ShelfItem, ...]:
    """Return the items that hold every word of `asked` in id, title, family, standing or method.

    A word such as `family:collapse`, `status:draft` or `method:byol` asks for that field alone.
    """
    words = asked.lower().split()
    return tuple(item for item in items if all(_holds(item, word) for word in words))


def _holds(item: ShelfItem, word: str) -> bool:
    field, colon, value = word.partition(":")
    if colon and field in ("family", "status", "method"):
        fields = {"family": (item.family,), "status": (item.standing,), "method": item.methods}
        return any(one.lower().startswith(value) for one in fields[field])
    text = f"{item.id} {item.title} {item.family} {item.standing} {' '.join(item.methods)}"
    return word in text.lower()
