"""A run inside a SQLite database, read again and again; and the runs that a database holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ingest.runs.formats.base import FolderRun
from ingest.runs.formats.sqlite import Busy, Database, databases, fingerprint, opened
from ingest.runs.log import Log
from kb.errors import InputUnreadable


class RunReader(Protocol):
    """Reads one run; `read` continues where it left off and tells whether there was more."""

    def read(self, database: Database) -> bool: ...


class DatabaseSource:
    """One run of a database as an `ingest.runs.source.Source`.

    A database that its writer holds is read at the next poll. One that was replaced by another
    file is read from its start.
    """

    def __init__(self, path: Path, log: Log, make: Callable[[], RunReader]) -> None:
        self._path = path
        self._log = log
        self._make = make
        self._reader = make()
        self._seen: tuple[int, ...] = ()

    def poll(self) -> bool:
        """Read what is new; InputUnreadable when the database is gone or damaged."""
        now = fingerprint(self._path)
        if now == self._seen:
            return False
        if self._seen and now[:2] != self._seen[:2]:
            self._log.clear()
            self._reader = self._make()
        try:
            with opened(self._path) as database:
                grown = self._reader.read(database)
        except Busy:
            return False
        self._seen = now
        return grown

    def close(self) -> None:
        """Nothing is left: rows are complete or not there."""

    def files(self) -> tuple[Path, ...]:
        """Return the database."""
        return (self._path,)


def runs_in(path: Path, listed: Callable[[Path, Database], list[FolderRun]]) -> list[FolderRun]:
    """Return the runs of the databases at a path, newest first.

    Raises InputUnreadable for a damaged or busy database that was named itself; one that lies
    in a folder with other things is passed over.
    """
    found: list[FolderRun] = []
    for one in databases(path):
        try:
            with opened(one) as database:
                found += listed(one, database)
        except (Busy, InputUnreadable) as error:
            if one != path:
                continue
            if isinstance(error, InputUnreadable):
                raise
            hint = "try again in a moment"
            raise InputUnreadable(
                "another program is writing it", where=str(one), hint=hint
            ) from error
    return sorted(found, key=lambda run: run.updated, reverse=True)
