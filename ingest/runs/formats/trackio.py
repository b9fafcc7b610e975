"""Trackio's databases: a SQLite file for each project, in it a row of JSON for each logged step.

Trackio keeps them in a folder of its own (TRACKIO_DIR). Media, system metrics and traces are
not read.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path

from ingest.files import printable
from ingest.runs.formats.base import FolderFormat, FolderRun
from ingest.runs.formats.json_lines import parse
from ingest.runs.formats.json_numbers import numbers
from ingest.runs.formats.rows import Rows
from ingest.runs.formats.sqlite import BATCH, Database, ascending
from ingest.runs.formats.sqlite_source import DatabaseSource, runs_in
from ingest.runs.log import MAX_NAME, Log, number

_OWN = "_"
"""What Trackio adds to a configuration starts so: who logged, when, in which group."""


class _Run:
    """Reads one run: the rows whose `column` (its id, before 0.24 its name) is `key`."""

    def __init__(self, log: Log, where: str, column: str, key: str) -> None:
        self._log = log
        self._rows = Rows(log, where)
        self._where = where
        self._column = column
        self._key = key
        self._seen = 0

    def read(self, database: Database) -> bool:
        """Read the rows after those of the last call."""
        if not _is_trackio(database):
            return False
        self._read_config(database)
        newest = database.rows("SELECT max(rowid) FROM metrics")[0][0]
        if not isinstance(newest, int):
            return False
        # The plus keeps SQLite from an index that would have to be sorted for every batch.
        query = (
            "SELECT rowid, step, metrics FROM metrics WHERE rowid > ? AND rowid <= ? "
            f"AND +{self._column} = ? ORDER BY rowid LIMIT {BATCH}"
        )
        grown = False
        while rows := ascending(database.rows(query, self._seen, newest, self._key), self._seen):
            grown = True
            for rowid, (step, metrics) in rows:
                self._read_row(step, metrics)
                self._seen = rowid
            self._rows.flush()
        self._seen = max(self._seen, newest)
        return grown

    def _read_row(self, step: object, metrics: object) -> None:
        held = parse(_text(metrics))
        if held is None:
            text = f"the metrics of step {step} are no JSON object"
            self._log.find("unreadable record", text, self._where)
            return
        row = dict(numbers("", held))
        if row:
            self._rows.add(row, number(step))

    def _read_config(self, database: Database) -> None:
        if not database.has("configs", "config", self._column):
            return
        query = f"SELECT config FROM configs WHERE {self._column} = ? LIMIT 1"
        for (config,) in database.rows(query, self._key):
            for name, value in (parse(_text(config)) or {}).items():
                if not name.startswith(_OWN):
                    self._log.set(name, value)


def _is_trackio(database: Database) -> bool:
    return database.has("metrics", "run_name", "timestamp", "step", "metrics")


def _text(value: object) -> str:
    """Return a JSON column as text; Trackio stores bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _listed(path: Path, database: Database) -> list[FolderRun]:
    if not _is_trackio(database):
        return []
    column = "run_id" if database.has("metrics", "run_id") else "run_name"
    query = f"SELECT {column}, run_name, max(timestamp) FROM metrics GROUP BY {column}"
    where = printable(path.name)
    found: list[FolderRun] = []
    for key, name, timestamp in database.rows(query):
        make = partial(_open, path, where, column, str(key))
        title = f"{printable(path.stem)}/{printable(str(name)[:MAX_NAME])}"
        found.append(FolderRun(title, path, _seconds(timestamp), make))
    return found


def _open(path: Path, where: str, column: str, key: str, log: Log) -> DatabaseSource:
    return DatabaseSource(path, log, lambda: _Run(log, where, column, key))


def _seconds(timestamp: object) -> float:
    """Return an ISO 8601 time in seconds since the epoch, 0 when it is none."""
    try:
        return datetime.fromisoformat(str(timestamp)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


FORMAT = FolderFormat("Trackio", "trackio", lambda path: runs_in(path, _listed))
