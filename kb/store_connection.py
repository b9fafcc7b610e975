"""One connection to a store file: opened safely, locked between threads, errors explained."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from kb.errors import StoreError
from kb.store_schema import OLDEST_READABLE, SCHEMA_VERSION, check_schema, migrate

PATIENCE_SECONDS: Final = 30.0
"""How long to wait for another process that is writing: a choice; one document takes ms."""

_T = TypeVar("_T")

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_EXPLAINED: Final = {
    sqlite3.SQLITE_NOTADB: ("is damaged or not a store", "damaged"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "damaged"),
    sqlite3.SQLITE_READONLY: ("cannot be written", "access"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "access"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "access"),
    sqlite3.SQLITE_FULL: ("cannot grow, the disk is full", "space"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written, the disk reports an error", "space"),
    sqlite3.SQLITE_BUSY: ("is being written by another process", "busy"),
    sqlite3.SQLITE_LOCKED: ("is being written by another process", "busy"),
    sqlite3.SQLITE_PROTOCOL: ("is being written by another process", "busy"),
}
_HINTS: Final = {
    "damaged": "move the file away and ingest your notes again; it was left as it is",
    "access": "check the permissions of the file and of its folder",
    "space": "free some space or check the disk; what was stored before is still there",
    "busy": f"it did not finish in {PATIENCE_SECONDS:.0f} s; try again",
}


class Connection:
    """A lock, an SQLite connection and the path that its errors name.

    Several threads may share it: a transaction or snapshot of one keeps the others out.
    """

    def __init__(self, path: Path, *, read_only: bool, create: bool) -> None:
        """Open and, unless read-only, create or migrate; raise StoreError when that fails."""
        self.path = path
        self.read_only = read_only
        self._lock = threading.RLock()
        if not path.is_file() and (read_only or not create):
            raise StoreError("no such store", where=str(path), hint="ingest a file first")
        with self.explained():
            if not read_only:
                _make_folder(path.parent)
            self._sqlite = sqlite3.connect(
                f"{path.absolute().as_uri()}?{self._mode()}",
                uri=True,
                timeout=PATIENCE_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare()
            except BaseException:
                self._sqlite.close()
                raise

    def _mode(self) -> str:
        """Return the URI parameters; `immutable` needs no lock file beside a shipped store."""
        if not self.read_only:
            return "mode=rwc"
        beside = self.path.with_name(self.path.name + "-wal")
        # Being written right now: immutable would not see what is still in the journal.
        return "mode=ro" if beside.exists() else "mode=ro&immutable=1"

    def _prepare(self) -> None:
        """Check the schema, then set what holds per connection, then migrate."""
        version = patiently(lambda: check_schema(self._sqlite, str(self.path)))
        if self.read_only:
            if version < OLDEST_READABLE:
                raise StoreError(
                    f"has schema {version}, expected at least {OLDEST_READABLE}",
                    where=str(self.path),
                    hint="open it once for writing, or install ssl-doctor again",
                )
            return
        patiently(lambda: self._sqlite.execute("PRAGMA journal_mode = WAL").fetchone())
        # FULL: what `put` returned from survives a power cut too, not only a killed process.
        self._sqlite.execute("PRAGMA synchronous = FULL")
        self._sqlite.execute("PRAGMA foreign_keys = ON")
        if version != SCHEMA_VERSION:
            with self.transaction() as sqlite:
                migrate(sqlite, str(self.path))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock from start to end; commit at the end, or change nothing."""
        if self.read_only:
            raise StoreError("was opened read-only", where=str(self.path))
        with self._within("BEGIN IMMEDIATE") as sqlite:
            yield sqlite

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """See one state of the file for as long as it lasts, whatever others write."""
        with self._within("BEGIN") as sqlite:
            yield sqlite

    @contextmanager
    def _within(self, begin: str) -> Iterator[sqlite3.Connection]:
        """Run in a transaction; one inside another joins it."""
        with self._lock, self.explained():
            if self._sqlite.in_transaction:
                yield self._sqlite
                return
            patiently(lambda: self._sqlite.execute(begin))
            try:
                yield self._sqlite
                self._sqlite.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        """Undo what was begun, unless SQLite has already done so."""
        if self._sqlite.in_transaction:
            self._sqlite.execute("ROLLBACK")

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with self._lock, self.explained():
            return self._sqlite.execute(query, values).fetchall()

    def seal(self) -> None:
        """Write everything into the one file, so that it can be shipped without a journal."""
        with self._lock, self.explained():
            self._sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._sqlite.execute("VACUUM")
            mode = patiently(
                lambda: self._sqlite.execute("PRAGMA journal_mode = DELETE").fetchone()
            )
        if mode[0] != "delete":
            raise StoreError("is open elsewhere", where=str(self.path), hint="close it and retry")

    def close(self) -> None:
        """Close; the last one to close a file also removes its journal."""
        with self._lock:
            self._sqlite.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn SQLite's errors, and records that do not decode, into a StoreError."""
        try:
            yield
        except sqlite3.ProgrammingError:  # a closed store: the caller's mistake, not the file's
            raise
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def damaged(self, error: Exception) -> StoreError:
        """Return the error for a record that SQLite could read and we cannot."""
        return StoreError(f"is damaged: {error!r}", where=str(self.path), hint=_HINTS["damaged"])

    def _explain(self, error: sqlite3.Error) -> StoreError:
        found, hint = _EXPLAINED.get(_code(error), (str(error), ""))
        return StoreError(f"the store {found}", where=str(self.path), hint=_HINTS.get(hint, ""))


def patiently(action: Callable[[], _T]) -> _T:
    """Run an action again while the file is busy: some steps ignore SQLite's own timeout."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def searchable(name: str) -> str:
    """Return a name to look up; one that no column can hold becomes one that none does hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary error code, 0 when the module itself raised."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _make_folder(folder: Path) -> None:
    """Make the store's folder, readable by its owner alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(
            f"folder cannot be made: {error.strerror}",
            where=str(folder),
            hint=_HINTS["access"],
        ) from error
