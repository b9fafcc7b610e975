"""A logger's SQLite database, opened so that nothing in its folder is written.

SQLite keeps a database in WAL mode readable by creating files beside it. So one without such
files is opened as immutable, one with them by its writer's shared memory, read-only, and one
that was copied without the shared memory is copied once more.
Whatever the database defines beside plain tables is not used, and a query's time is bounded.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from ingest.files import printable
from ingest.runs.source import MAX_RECORD, open_regular
from kb.errors import InputUnreadable

BATCH = 10_000
"""Rows read at once: between batches the writer gets its turn."""

MAX_COPY = 1 << 30
"""Largest database, in bytes, of which a copy is made."""

MOST_TEXT = 64 << 20
"""Text read at once: in a crafted file many rows can share one long text."""

SUFFIXES = (".db", ".sqlite", ".sqlite3")

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_WAL_AT, _WAL = 18, 2
_PATIENCE = 0.2
"""Seconds to wait for a writer; after that the database is read at the next poll."""

_MOST_TIME = 10.0
"""Seconds that reading one batch may take; ten thousand rows take hundredths of one."""

_MOST_FILES = 10_000
_STEPS_BETWEEN_LOOKS = 100_000
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


class Busy(Exception):
    """A writer holds the database, or is about to create it."""


class Database:
    """An open database: its plain tables with their columns, and bounded queries."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.tables: Mapping[str, frozenset[str]] = {
            name: frozenset(str(row[1]) for row in self.rows(f'PRAGMA table_info("{name}")'))
            for name, sql in self.rows(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name LIMIT 200"
            )
            if isinstance(name, str) and name.isidentifier() and _is_plain(sql)
        }

    def has(self, table: str, *columns: str) -> bool:
        """Tell whether there is such a plain table, with these columns."""
        return self.tables.get(table, frozenset()).issuperset(columns) and table in self.tables

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Return at most BATCH rows, and not many more than MOST_TEXT characters and bytes."""
        limit = time.monotonic() + _MOST_TIME
        self._connection.set_progress_handler(
            lambda: time.monotonic() > limit, _STEPS_BETWEEN_LOOKS
        )
        found: list[tuple[object, ...]] = []
        held = 0
        for row in self._connection.execute(query, values):
            found.append(row)
            held += sum(len(one) for one in row if isinstance(one, str | bytes))
            if len(found) >= BATCH or held >= MOST_TEXT:
                break
        return found


def ascending(
    rows: Iterable[tuple[object, ...]], after: int
) -> list[tuple[int, tuple[object, ...]]]:
    """Return the row id, the first value of a row, and the rest, of rows whose ids rise from
    `after` on. A damaged database gives others too, the same ones each time that it is asked."""
    found: list[tuple[int, tuple[object, ...]]] = []
    for rowid, *rest in rows:
        if isinstance(rowid, int) and rowid > after:
            found.append((rowid, tuple(rest)))
            after = rowid
    return found


def _is_plain(sql: object) -> bool:
    """Tell whether a table is no virtual one. Computed columns are not among its columns:
    `table_info` leaves them out."""
    return str(sql).upper().split(None, 2)[:2] == ["CREATE", "TABLE"]


def looks_like_sqlite(path: Path) -> bool:
    """Tell whether a regular file starts as a SQLite database does; InputUnreadable otherwise."""
    with open_regular(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Open a database for reading; Busy while a writer holds it, InputUnreadable when damaged."""
    with open_regular(path) as file:
        head = file.read(_HEADER)
    where = printable(path)
    if not head.startswith(_MAGIC) or len(head) < _HEADER:
        raise InputUnreadable("no SQLite database", where=where)
    try:
        with (
            _place(path, in_wal=head[_WAL_AT] == _WAL) as (place, how),
            _connected(place, how) as one,
        ):
            yield Database(one)
    # Of a damaged file, names may not decode, and sizes may be more than there is memory.
    except (sqlite3.Error, UnicodeError, MemoryError, OSError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            raise Busy from error
        reason = printable(str(error))[:200] or "it states sizes that cannot be"
        raise InputUnreadable(f"damaged database: {reason}", where=where) from error


@contextmanager
def _place(path: Path, *, in_wal: bool) -> Iterator[tuple[Path, str]]:
    """Yield where to open a database, and how, for nothing to be created beside it."""
    log, shared = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    if not in_wal:
        yield path, "mode=ro"
    elif shared.is_file():
        yield path, "mode=ro&readonly_shm=1"
    elif not log.is_file() or log.stat().st_size == 0:
        yield path, "mode=ro&immutable=1"
    elif path.stat().st_size + log.stat().st_size > MAX_COPY:
        raise InputUnreadable(
            f"over {MAX_COPY:,} bytes, and the file {printable(shared.name)} is missing",
            where=printable(path),
            hint="copy the -shm file with the other two",
        )
    else:
        with TemporaryDirectory() as folder:
            for one in (path, log):
                shutil.copyfile(one, Path(folder) / one.name)
            yield Path(folder) / path.name, "mode=ro"


@contextmanager
def _connected(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.absolute()))}?{how}"
    with closing(
        sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)
    ) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_RECORD)
        for pragma in ("trusted_schema = OFF", "query_only = ON", "cell_size_check = ON"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def fingerprint(path: Path) -> tuple[int, ...]:
    """Return device and inode of a database, and what changes when it is written.

    InputUnreadable when there is none.
    """
    where = printable(path)
    try:
        state = path.stat()
        log = path.with_name(path.name + "-wal")
        written = log.stat() if log.is_file() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputUnreadable(reason, where=where) from error
    changes = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    return changes if written is None else (*changes, written.st_size, written.st_mtime_ns)


def databases(path: Path) -> list[Path]:
    """Return the SQLite databases at a path: the file itself, or those right in the folder."""
    if path.is_file():
        return [path] if looks_like_sqlite(path) else []
    found: list[Path] = []
    for one in sorted(path.iterdir())[:_MOST_FILES] if path.is_dir() else ():
        if one.suffix in SUFFIXES and not one.is_symlink() and one.is_file():
            found += [one] if looks_like_sqlite(one) else []
    return found
