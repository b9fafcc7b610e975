"""Writing a document into the tables, and keeping the sums that say whether anything changed.

Each sum adds one number per document, so it does not depend on order and is updated in the
transaction that changes the document.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kb import store_vectors
from kb.errors import StoreError
from kb.store_codec import (
    document_digest,
    dump,
    entry_record,
    meta_record,
    pack_text,
    passage_record,
    spans_record,
)
from kb.store_vectors import Float16s
from kb.types import Document

CONTENT: Final = "content"
"""Sum over documents of their digest."""

LAYOUT: Final = "layout"
"""Sum over documents of their digest and the number of their first passage."""

_MODULUS: Final = 1 << 256


def vectors_key(encoder: str) -> str:
    """Return the name of the sum over the vectors of one encoder."""
    return f"vectors {encoder}"


def insert_document(
    sqlite: sqlite3.Connection,
    document: Document,
    *,
    parser_version: str,
    encoder: str,
    added_at: str,
) -> None:
    """Write a document that is not there yet, without vectors; StoreError if a key repeats."""
    digest = document_digest(document)
    first = _next_number(sqlite, "passages")
    number = _next_number(sqlite, "documents")
    sqlite.execute(
        f"INSERT INTO documents VALUES ({', '.join('?' * 18)})",
        (
            number,
            document.id,
            document.path,
            document.owner,
            document.dialect,
            document.title,
            document.sha256,
            parser_version,
            encoder,
            len(document.entries),
            len(document.passages),
            _count_lines(document.text),
            added_at,
            digest,
            first,
            dump(spans_record(document.unparsed)),
            dump(meta_record(document)),
            pack_text(document.text),
        ),
    )
    entries = _insert_entries(sqlite, document, number)
    rows = (
        (
            first + position,
            number,
            entries.get(passage.entry_id),
            passage.kind,
            passage.key,
            dump(passage_record(passage)),
        )
        for position, passage in enumerate(document.passages)
    )
    with _unique(document, "passages with one key"):
        sqlite.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)", rows)
    shift(sqlite, CONTENT, plus=digest)
    shift(sqlite, LAYOUT, plus=_at(first, digest))


def delete_document(sqlite: sqlite3.Connection, document_id: str) -> bool:
    """Remove a document with all its parts; return whether it was there."""
    row = sqlite.execute(
        "SELECT number, digest, first_passage FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    if row is None:
        return False
    number, digest, first = row
    for encoder in _encoders(sqlite, number):
        _forget_vectors(sqlite, number, first, encoder)
    shift(sqlite, CONTENT, minus=digest)
    shift(sqlite, LAYOUT, minus=_at(first, digest))
    sqlite.execute("DELETE FROM documents WHERE number = ?", (number,))
    return True


def replace_vectors(
    sqlite: sqlite3.Connection, document_id: str, encoder: str, vectors: Float16s
) -> None:
    """Store the vectors of a document's passages, in the place of older ones."""
    number, first = sqlite.execute(
        "SELECT number, first_passage FROM documents WHERE id = ?", (document_id,)
    ).fetchone()
    _forget_vectors(sqlite, number, first, encoder)
    digest = store_vectors.write(sqlite, number, encoder, vectors)
    shift(sqlite, vectors_key(encoder), plus=_at(first, digest))
    sqlite.execute("UPDATE documents SET encoder = ? WHERE number = ?", (encoder, number))


def read_sum(sqlite: sqlite3.Connection, key: str) -> str:
    """Return a sum as 64 hexadecimal digits."""
    row = sqlite.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else f"{0:064x}"


def shift(
    sqlite: sqlite3.Connection, key: str, *, plus: str | None = None, minus: str | None = None
) -> None:
    """Add one document's number to a sum, or take it away."""
    total = int(read_sum(sqlite, key), 16)
    total += int(plus, 16) if plus else 0
    total -= int(minus, 16) if minus else 0
    sqlite.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, f"{total % _MODULUS:064x}"),
    )


def _insert_entries(
    sqlite: sqlite3.Connection, document: Document, document_number: int
) -> dict[str | None, int]:
    """Write the entries and their aliases; return entry id -> number."""
    first = _next_number(sqlite, "entries")
    numbers: dict[str | None, int] = {
        entry.id: first + at for at, entry in enumerate(document.entries)
    }
    with _unique(document, "entries with one id"):
        sqlite.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?)",
            (
                (first + at, document_number, entry.id, dump(entry_record(entry)))
                for at, entry in enumerate(document.entries)
            ),
        )
    sqlite.executemany(
        "INSERT OR IGNORE INTO aliases VALUES (?, ?)",
        ((alias, numbers[entry.id]) for entry in document.entries for alias in entry.aliases),
    )
    return numbers


@contextmanager
def _unique(document: Document, what: str) -> Iterator[None]:
    """Explain a broken uniqueness as the mistake in the document that it is."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise StoreError(
            f"the document has two {what}", where=document.path or document.id
        ) from error


def _encoders(sqlite: sqlite3.Connection, document_number: int) -> list[str]:
    rows = sqlite.execute(
        "SELECT DISTINCT encoder FROM vectors WHERE document = ?", (document_number,)
    )
    return [row[0] for row in rows]


def _forget_vectors(sqlite: sqlite3.Connection, number: int, first: int, encoder: str) -> None:
    """Take a document's vectors out of their sum, before they are deleted."""
    row = sqlite.execute(
        "SELECT digest FROM vectors WHERE document = ? AND encoder = ? LIMIT 1", (number, encoder)
    ).fetchone()
    if row:
        shift(sqlite, vectors_key(encoder), minus=_at(first, row[0]))


def _next_number(sqlite: sqlite3.Connection, table: str) -> int:
    """Return the next row number; never one that was used before."""
    row = sqlite.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) + 1 if row else 1


def _at(first_passage: int, digest: str) -> str:
    """Return the number that a document adds to a sum in which its place counts."""
    return hashlib.sha256(f"{first_passage} {digest}".encode()).hexdigest()


def _count_lines(text: str) -> int:
    return text.count("\n") + (1 if text and not text.endswith("\n") else 0)
