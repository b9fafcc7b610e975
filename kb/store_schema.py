"""The tables of a store file, version by version.

A fresh file runs the same migrations as an old one, so there is only one way to any schema.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from kb.errors import StoreError

APPLICATION_ID: Final = 0x53534C44
"""`SSLD`, written in the file's header: tells our file from any other SQLite file."""

_VERSION_1: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE documents (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        path TEXT NOT NULL,
        owner TEXT NOT NULL,
        dialect TEXT NOT NULL,
        title TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        parser_version TEXT NOT NULL,
        encoder TEXT NOT NULL,
        n_entries INTEGER NOT NULL,
        n_passages INTEGER NOT NULL,
        n_lines INTEGER NOT NULL,
        added_at TEXT NOT NULL,
        digest TEXT NOT NULL,
        first_passage INTEGER NOT NULL,
        unparsed TEXT NOT NULL,
        meta TEXT NOT NULL,
        source BLOB NOT NULL
    )""",
    """CREATE TABLE entries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        id TEXT NOT NULL,
        payload TEXT NOT NULL,
        UNIQUE (document, id)
    )""",
    "CREATE INDEX entry_ids ON entries (id)",
    """CREATE TABLE aliases (
        alias TEXT NOT NULL,
        entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE,
        PRIMARY KEY (alias, entry)
    ) WITHOUT ROWID""",
    "CREATE INDEX alias_entries ON aliases (entry)",
    """CREATE TABLE passages (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        entry INTEGER REFERENCES entries ON DELETE CASCADE,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        payload TEXT NOT NULL,
        UNIQUE (document, key)
    )""",
    "CREATE INDEX passage_entries ON passages (entry)",
    """CREATE TABLE vectors (
        document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
        encoder TEXT NOT NULL,
        start INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        dim INTEGER NOT NULL,
        digest TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (document, encoder, start)
    )""",
)
"""AUTOINCREMENT: a passage number is never used twice, so an index that has become stale finds
nothing rather than something else."""

_VERSION_2: Final = (
    """CREATE TABLE marks (
        fix TEXT PRIMARY KEY,
        mark TEXT NOT NULL CHECK (mark IN ('tried', 'helped', 'failed'))
    ) WITHOUT ROWID""",
)
"""What the user has tried."""

_VERSION_3: Final = (
    """CREATE TABLE dated_marks (
        fix TEXT PRIMARY KEY,
        word TEXT NOT NULL CHECK (word IN ('tried', 'helped', 'did-not')),
        marked_at TEXT NOT NULL,
        run TEXT NOT NULL
    ) WITHOUT ROWID""",
    "INSERT INTO dated_marks SELECT fix, replace(mark, 'failed', 'did-not'), '', '' FROM marks",
    "DROP TABLE marks",
    "ALTER TABLE dated_marks RENAME TO marks",
)
"""When and on which run it was tried; marks of version 2 have neither."""

_MIGRATIONS: Final = (_VERSION_1, _VERSION_2, _VERSION_3)

SCHEMA_VERSION: Final = len(_MIGRATIONS)

OLDEST_READABLE: Final = 2
"""What a read-only store is read for, documents and their parts, has not changed since."""


def check_schema(connection: sqlite3.Connection, where: str) -> int:
    """Return the file's schema version, 0 when it is empty.

    All is read in one state of the file: another process may be making the store right now.
    Raises StoreError when the file is not a store, or was written by a newer version.
    """
    if connection.in_transaction:
        return _checked(connection, where)
    connection.execute("BEGIN")
    try:
        return _checked(connection, where)
    finally:
        connection.execute("COMMIT")


def _checked(connection: sqlite3.Connection, where: str) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID:
        used = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if used or version or application:
            raise StoreError(
                "is an SQLite file of another program, not a store",
                where=where,
                hint="choose another path; the file was not changed",
            )
        return 0
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"was written by a newer ssl-doctor (schema {version}, this one knows up to "
            f"{SCHEMA_VERSION})",
            where=where,
            hint="upgrade ssl-doctor, or choose another store; the file was not changed",
        )
    return version


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Bring the file to the current schema; the caller holds an immediate transaction.

    The version is read again inside it, because another process may have migrated meanwhile.
    """
    for statements in _MIGRATIONS[check_schema(connection, where) :]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
