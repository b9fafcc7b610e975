"""The store: documents, their entries, passages and vectors, in one SQLite file.

Each document is written in one transaction, so after a crash it is wholly there or wholly
absent. Nothing here needs the index or knows how a search works.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from kb import store_vectors
from kb.errors import StoreError, UsageError
from kb.store_codec import document_digest
from kb.store_connection import Connection, searchable
from kb.store_reader import StoreReader, write_stamp
from kb.store_records import DocumentInfo, PassageTable, StoredPassage
from kb.store_writer import delete_document, insert_document, replace_vectors
from kb.types import MARK_WORDS, Document, MarkWord

__all__ = [
    "DocumentInfo",
    "PassageTable",
    "Store",
    "StoredPassage",
    "utc_now",
    "write_stamp",
]


def utc_now() -> datetime:
    """Return the time that a document is stamped with."""
    return datetime.now(UTC)


class Store(StoreReader):
    """One store file, open. Threads may share it; a transaction keeps the others waiting."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime]) -> None:
        """Wrap an open connection; use `Store.open`."""
        super().__init__(connection)
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        read_only: bool = False,
        create: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> Store:
        """Open a store file, making or migrating it where needed.

        `read_only` is for a file that ships with the package: nothing beside it is touched.
        Raises StoreError when the file is missing (`create=False` or read-only), damaged, of
        another program or of a newer version; such a file is left as it is.
        """
        return cls(Connection(path, read_only=read_only, create=create), clock)

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def seal(self) -> None:
        """Bring everything into the one file, compact and without journal, for shipping."""
        self._connection.seal()

    def put(
        self,
        document: Document,
        vectors: npt.NDArray[np.float32] | None,
        encoder: str,
        *,
        parser_version: str = "",
    ) -> None:
        """Store a document in one transaction, in the place of the one with the same id.

        `vectors` has shape (passages, d) and is kept as float16; None leaves the document to
        `missing_vectors`. Raises ValueError for another shape or values that are not finite,
        StoreError for two entries of one id, two passages of one key, or meta that is not JSON.
        """
        halves = None if vectors is None else store_vectors.checked(vectors, len(document.passages))
        with self._writing(document) as sqlite:
            delete_document(sqlite, document.id)
            insert_document(
                sqlite,
                document,
                parser_version=parser_version,
                encoder="" if halves is None else encoder,
                added_at=self._now(),
            )
            if halves is not None:
                replace_vectors(sqlite, document.id, encoder, halves)

    def set_vectors(
        self, document: Document, vectors: npt.NDArray[np.float32], encoder: str
    ) -> bool:
        """Add vectors of one more encoder, shape (passages, d), to a stored document.

        Returns False and changes nothing when the stored document is no longer this one.
        """
        halves = store_vectors.checked(vectors, len(document.passages))
        with self._writing(document) as sqlite:
            row = sqlite.execute(
                "SELECT digest FROM documents WHERE id = ?", (document.id,)
            ).fetchone()
            if row is None or row[0] != document_digest(document):
                return False
            replace_vectors(sqlite, document.id, encoder, halves)
            return True

    def remove(self, document_id: str) -> bool:
        """Remove a document with all its parts; return whether it was there."""
        with self._connection.transaction() as sqlite:
            return delete_document(sqlite, searchable(document_id))

    def set_marks(self, fixes: Iterable[str], word: MarkWord | None, run: str = "") -> None:
        """Remember what the user says of fixes (their global ids), all or none; None forgets.

        A newer mark takes the place of the older one. `run` is the path of the run that they
        were tried on. Raises UsageError for any other mark.
        """
        if word is not None and word not in MARK_WORDS:
            raise UsageError(f"unknown mark {word!r}, expected {', '.join(MARK_WORDS)}")
        now = self._now()
        with self._connection.transaction() as sqlite:
            for fix in map(searchable, fixes):
                sqlite.execute("DELETE FROM marks WHERE fix = ?", (fix,))
                if word is not None:
                    row = (fix, word, now, searchable(run))
                    sqlite.execute("INSERT INTO marks VALUES (?, ?, ?, ?)", row)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")

    @contextmanager
    def _writing(self, document: Document) -> Iterator[sqlite3.Connection]:
        """Hold a transaction, and explain names that no column can hold."""
        try:
            with self._connection.transaction() as sqlite:
                yield sqlite
        except UnicodeEncodeError as error:
            raise StoreError(
                "a name in the document is not valid Unicode",
                where=ascii(document.path or document.id),
                hint="rename the file, or save it as UTF-8",
            ) from error
