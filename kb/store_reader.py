"""Reading a store: documents, entries, passages, vectors, and whether anything changed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from kb import store_vectors
from kb.store_codec import (
    load_entry,
    load_passage,
    load_passage_text,
    load_spans,
    unpack_text,
)
from kb.store_connection import Connection, searchable
from kb.store_records import (
    KIND_CODES,
    OWNER_CODES,
    DocumentInfo,
    PassageTable,
    StoredPassage,
)
from kb.store_vectors import Float16s, Int64s
from kb.store_writer import CONTENT, LAYOUT, read_sum, vectors_key
from kb.types import Document, Entry, Mark, PassageKind

_CHUNK: Final = 500
"""Rows read or numbers asked for at a time; SQLite allows at least 999 parameters."""

_HEAD: Final = ("id", "path", "owner", "dialect", "title", "sha256")
"""The fields of a Document that are columns of the same name."""


def write_stamp(parser_version: str, encoder: str) -> str:
    """Return what `known_hashes` says of a document parsed and encoded by these."""
    return f"{parser_version}|{encoder}"


class StoreReader:
    """The half of a store that changes nothing."""

    def __init__(self, connection: Connection) -> None:
        """Read through an open connection."""
        self._connection = connection

    @property
    def path(self) -> Path:
        """The file."""
        return self._connection.path

    def snapshot(self) -> AbstractContextManager[object]:
        """Return a context in which all reads see one state; do not write inside it."""
        return self._connection.snapshot()

    def documents(self) -> list[DocumentInfo]:
        """Return all documents without their text, by id."""
        rows = self._connection.rows(
            "SELECT id, path, owner, dialect, title, sha256, parser_version, n_entries, "
            "n_passages, n_lines, added_at FROM documents ORDER BY id"
        )
        return [DocumentInfo(*row) for row in rows]

    def document(self, document_id: str) -> Document | None:
        """Return a document equal to the one that was put, or None."""
        with self._reading() as sqlite:
            row = sqlite.execute(
                f"SELECT number, source, unparsed, meta, {', '.join(_HEAD)} FROM documents "
                "WHERE id = ?",
                (searchable(document_id),),
            ).fetchone()
            if row is None:
                return None
            number, source, unparsed, meta, *head = row
            by_number = "FROM {} WHERE document = ? ORDER BY number"
            passages = sqlite.execute("SELECT payload " + by_number.format("passages"), (number,))
            entries = sqlite.execute("SELECT payload " + by_number.format("entries"), (number,))
            fields: dict[str, Any] = dict(zip(_HEAD, head, strict=True))
            return Document(
                **fields,
                text=unpack_text(source),
                passages=tuple(load_passage(payload) for (payload,) in passages),
                entries=tuple(load_entry(payload) for (payload,) in entries),
                unparsed=load_spans(unparsed),
                meta=json.loads(meta),
            )

    def known_hashes(self) -> dict[str, tuple[str, str]]:
        """Return document id -> (sha256 of the file, `write_stamp` of parser and encoder).

        A document stored without vectors has an empty encoder in its stamp.
        """
        rows = self._connection.rows("SELECT id, sha256, parser_version, encoder FROM documents")
        return {row[0]: (row[1], write_stamp(row[2], row[3])) for row in rows}

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry by its id, the first stored when documents share one, or None."""
        rows = self._connection.rows(
            "SELECT payload FROM entries WHERE id = ? ORDER BY number LIMIT 1", searchable(entry_id)
        )
        with self._decoding():
            return load_entry(rows[0][0]) if rows else None

    def resolve(self, alias: str) -> str | None:
        """Return the entry id that an id or an alias stands for, or None; an id comes first."""
        rows = self._connection.rows(
            "SELECT id FROM (SELECT id, 0 AS rank, number FROM entries WHERE id = ?1 "
            "UNION ALL SELECT id, 1, number FROM aliases JOIN entries ON number = entry "
            "WHERE alias = ?1) ORDER BY rank, number LIMIT 1",
            searchable(alias),
        )
        return rows[0][0] if rows else None

    def entries(self) -> Iterator[Entry]:
        """Yield all entries in the order they were stored."""
        for _, payload in self._stream("entries"):
            with self._decoding():
                entry = load_entry(payload)
            yield entry

    def entries_with_documents(self) -> Iterator[tuple[str, Entry]]:
        """Yield (document id, entry) of all entries in the order they were stored."""
        ids = dict(self._connection.rows(
            "SELECT entries.number, documents.id FROM entries "
            "JOIN documents ON documents.number = document"
        ))  # fmt: skip
        for number, payload in self._stream("entries"):
            if number in ids:  # else it was added since
                with self._decoding():
                    entry = load_entry(payload)
                yield ids[number], entry

    def document_of(self, entry_id: str) -> str | None:
        """Return the id of the document that holds an entry, or None."""
        rows = self._connection.rows(
            "SELECT documents.id FROM entries JOIN documents ON documents.number = document "
            "WHERE entries.id = ? ORDER BY entries.number LIMIT 1",
            searchable(entry_id),
        )
        return rows[0][0] if rows else None

    def names(self) -> list[str]:
        """Return everything `resolve` knows: entry ids, then aliases."""
        rows = self._connection.rows("SELECT id FROM entries UNION SELECT alias FROM aliases")
        return [row[0] for row in rows]

    def rowids_of(self, *kinds: PassageKind) -> list[int]:
        """Return the numbers of all passages of these kinds, ascending."""
        marks = ", ".join("?" * len(kinds))
        rows = self._connection.rows(
            f"SELECT number FROM passages WHERE kind IN ({marks}) ORDER BY number", *kinds
        )
        return [row[0] for row in rows]

    def marks(self) -> dict[str, Mark]:
        """Return the global ids of marked fixes and their marks, by id."""
        rows = self._connection.rows("SELECT fix, word, marked_at, run FROM marks ORDER BY fix")
        return {row[0]: Mark(*row) for row in rows}

    def passages(self, rowids: Iterable[int]) -> list[StoredPassage]:
        """Return passages in the order asked for; numbers that are gone are left out."""
        wanted = [int(rowid) for rowid in rowids]
        found: dict[int, StoredPassage] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            rows = self._connection.rows(
                "SELECT passages.number, id, path, owner, payload FROM passages "
                "JOIN documents ON documents.number = document "
                f"WHERE passages.number IN ({', '.join('?' * len(chunk))})",
                *chunk,
            )
            with self._decoding():
                for rowid, document_id, source, owner, payload in rows:
                    found[rowid] = StoredPassage(
                        rowid, document_id, source, owner, load_passage(payload)
                    )
        return [found[rowid] for rowid in wanted if rowid in found]

    def passage_texts(self) -> Iterator[tuple[int, str]]:
        """Yield (rowid, searched text) of every passage, by rowid."""
        for rowid, payload in self._stream("passages"):
            with self._decoding():
                text = load_passage_text(payload)
            yield rowid, text

    def passage_table(self) -> PassageTable:
        """Return what the index needs of all passages, 18 bytes each, read as a stream."""
        with self._reading() as sqlite:
            count = sqlite.execute("SELECT count(*) FROM passages").fetchone()[0]
            table = PassageTable(
                np.empty(count, np.int64),
                np.empty(count, np.int64),
                np.empty(count, np.int8),
                np.empty(count, np.int8),
            )
            rows = sqlite.execute(
                "SELECT passages.number, coalesce(entry, -1), kind, owner FROM passages "
                "CROSS JOIN documents ON documents.number = document ORDER BY passages.number"
            )
            for at, (rowid, entry, kind, owner) in enumerate(rows):
                table.rowids[at] = rowid
                table.entries[at] = entry
                table.kinds[at] = KIND_CODES[kind]
                table.owners[at] = OWNER_CODES[owner]
            return table

    def entry_ids(self) -> dict[int, str]:
        """Return the number that `passage_table` uses for an entry -> its id."""
        return dict(self._connection.rows("SELECT number, id FROM entries"))

    def vectors(self, encoder: str) -> tuple[Int64s, Float16s]:
        """Return rowids, shape (n,), ascending, and vectors, shape (n, d), of one encoder.

        Both are empty when nothing was encoded so, the matrix then of shape (0, 0).
        """
        with self._reading() as sqlite:
            return store_vectors.read(sqlite, encoder, str(self.path))

    def missing_vectors(self, encoder: str) -> list[str]:
        """Return the ids of documents with passages that this encoder has not seen."""
        rows = self._connection.rows(
            "SELECT id FROM documents WHERE n_passages > 0 AND NOT EXISTS (SELECT 1 FROM vectors "
            "WHERE document = documents.number AND vectors.encoder = ?) ORDER BY id",
            encoder,
        )
        return [row[0] for row in rows]

    def content_hash(self) -> str:
        """Return 64 hexadecimal digits that change if and only if a document changed.

        Order of writing, time and vectors do not count; read from one row.
        """
        with self._reading() as sqlite:
            return read_sum(sqlite, CONTENT)

    def index_stamp(self, encoder: str) -> str:
        """Return 64 hexadecimal digits that change whenever an index over it is out of date.

        Unlike the content hash it counts the numbers of passages and the vectors.
        """
        with self._reading() as sqlite:
            sums = [read_sum(sqlite, key) for key in (LAYOUT, vectors_key(encoder))]
        return hashlib.sha256(" ".join(sums).encode()).hexdigest()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """See one state, and call a record that does not decode damaged."""
        with self._connection.snapshot() as sqlite, self._decoding():
            yield sqlite

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError, zlib.error) as error:
            raise self._connection.damaged(error) from error

    def _stream(self, table: str) -> Iterator[tuple[int, Any]]:
        """Yield (number, payload) in order, a chunk at a time so that no lock is held between."""
        rows: Sequence[tuple[int, Any]] = [(0, None)]
        while rows:
            rows = self._connection.rows(
                f"SELECT number, payload FROM {table} WHERE number > ? ORDER BY number LIMIT ?",
                rows[-1][0],
                _CHUNK,
            )
            yield from rows
