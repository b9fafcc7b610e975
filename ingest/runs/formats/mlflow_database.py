"""MLflow's SQLite store: one row for each value of each metric of each run."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from ingest.files import printable
from ingest.runs.formats.base import FolderRun
from ingest.runs.formats.points import Points
from ingest.runs.formats.settings_text import scalar
from ingest.runs.formats.sqlite import BATCH, Database, ascending
from ingest.runs.formats.sqlite_source import DatabaseSource
from ingest.runs.formats.state import CRASHED, FINISHED, RUNNING, STATE
from ingest.runs.log import MAX_NAME, Log, number

_STATES = {"RUNNING": RUNNING, "FINISHED": FINISHED, "FAILED": CRASHED, "KILLED": CRASHED}
_MILLISECONDS = 1000.0


class _Run:
    """Reads the values and parameters of one run."""

    def __init__(self, log: Log, where: str, key: str) -> None:
        self._log = log
        self._points = Points(log, where)
        self._key = key
        self._seen = 0

    def read(self, database: Database) -> bool:
        """Read the rows after those of the last call."""
        if not _is_mlflow(database):
            return False
        self._read_settings(database)
        nan = "is_nan" if database.has("metrics", "is_nan") else "0"
        query = (
            f"SELECT rowid, key, value, step, {nan} FROM metrics "
            f"WHERE run_uuid = ? AND rowid > ? ORDER BY rowid LIMIT {BATCH}"
        )
        grown = False
        while rows := ascending(database.rows(query, self._key, self._seen), self._seen):
            grown = True
            self._take(rows)
        return grown

    def _take(self, rows: list[tuple[int, tuple[object, ...]]]) -> None:
        columns: list[int] = []
        steps: list[int] = []
        values: list[float] = []
        for rowid, (name, value, step, is_nan) in rows:
            self._seen = rowid
            plain = float("nan") if is_nan else _stored(value)
            if plain is not None:
                columns.append(self._points.column(str(name)))
                steps.append(step if isinstance(step, int) else 0)
                values.append(plain)
        self._points.add(np.array(columns, np.int64), np.array(steps, np.int64), np.array(values))

    def _read_settings(self, database: Database) -> None:
        query = "SELECT name, status FROM runs WHERE run_uuid = ? LIMIT 1"
        for name, status in database.rows(query, self._key):
            self._log.set("run.name", name)
            self._log.set(STATE, _STATES.get(str(status)))
        if database.has("params", "key", "value", "run_uuid"):
            query = f"SELECT key, value FROM params WHERE run_uuid = ? LIMIT {BATCH}"
            for name, value in database.rows(query, self._key):
                self._log.set(str(name), scalar(str(value)))


def _stored(value: object) -> float | None:
    """Return a value; MLflow stores infinity as the largest double."""
    plain = number(value)
    if plain is None or abs(plain) < sys.float_info.max:
        return plain
    return float("inf") if plain > 0 else float("-inf")


def _is_mlflow(database: Database) -> bool:
    return database.has("metrics", "key", "value", "step", "run_uuid", "timestamp") and (
        database.has("runs", "run_uuid", "name", "status", "start_time", "lifecycle_stage")
    )


def listed(path: Path, database: Database) -> list[FolderRun]:
    """Return the runs in a database that were not deleted."""
    if not _is_mlflow(database):
        return []
    newest: dict[object, object] = {}
    if database.has("latest_metrics", "run_uuid", "timestamp"):
        query = "SELECT run_uuid, max(timestamp) FROM latest_metrics GROUP BY run_uuid"
        newest = {row[0]: row[1] for row in database.rows(query)}
    query = (
        "SELECT run_uuid, name, start_time FROM runs WHERE lifecycle_stage = 'active' "
        f"ORDER BY start_time DESC LIMIT {BATCH}"
    )
    found: list[FolderRun] = []
    for key, name, started in database.rows(query):
        written = max(number(started) or 0.0, number(newest.get(key)) or 0.0) / _MILLISECONDS
        title = printable(str(name or key)[:MAX_NAME])
        opened = partial(_open, path, str(key))
        found.append(FolderRun(title, path, written, opened))
    return found


def _open(path: Path, key: str, log: Log) -> DatabaseSource:
    where = printable(path.name)
    return DatabaseSource(path, log, lambda: _Run(log, where, key))
