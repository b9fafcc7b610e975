"""MLflow's file store: mlruns/<experiment>/<run>/ with a file for each metric and parameter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from ingest.files import printable
from ingest.runs.formats.base import FolderRun
from ingest.runs.formats.points import Points
from ingest.runs.formats.settings_text import scalar
from ingest.runs.formats.state import CRASHED, FINISHED, RUNNING, STATE
from ingest.runs.log import MAX_COLUMNS, MAX_NAME, MAX_SETTINGS, Log, number
from ingest.runs.source import CHUNK, Lines, open_regular
from kb.errors import InputUnreadable
from kb.types import Scalar

_META = "meta.yaml"
_STATES = {1: RUNNING, 3: FINISHED, 4: CRASHED, 5: CRASHED}
"""MLflow's numbers of a run's status."""

_MOST_FOLDERS = 10_000
_DEEPEST = 8
_LONGEST_TEXT = 16 * 1024


class _MetricFile:
    """One file of lines `milliseconds value step`, which only grows."""

    def __init__(self, path: Path, column: int) -> None:
        self.column = column
        self._path = path
        self._lines = Lines()
        self._offset = 0
        self._damaged = 0

    def read(self) -> list[tuple[float, int, float]]:
        """Return time, step and value of each new line; InputUnreadable if the file is gone."""
        found: list[tuple[float, int, float]] = []
        with open_regular(self._path) as file:
            file.seek(self._offset)
            while chunk := file.read(CHUNK):
                self._offset += len(chunk)
                for line in self._lines.feed(chunk):
                    point = _point(line)
                    if point is not None:
                        found.append(point)
                    elif line.strip():
                        self._damaged += 1
        return found

    def shrank(self) -> bool:
        """Tell whether the file is gone, or shorter than what was read of it."""
        try:
            return self._path.stat().st_size < self._offset
        except OSError:
            return True

    def close(self, log: Log, where: str) -> None:
        """Note lines that were never finished, too long, or no such lines."""
        self._lines.report(log, where)
        if self._damaged:
            text = f"{self._damaged} lines are not `milliseconds value step`"
            log.find("unreadable record", text, where)
        if self._lines.close().strip():
            log.find("incomplete record", "the last line has no end", where)


def _point(line: str) -> tuple[float, int, float] | None:
    """Return time, step and value of a line; old ones have no step, new ones name a data set."""
    words = line[:400].split()
    if len(words) < 2:
        return None
    time, value = number(words[0]), number(words[1])
    step = number(words[2]) if len(words) > 2 else 0.0
    if time is None or value is None or step is None or not abs(step) < 2**62:
        return None
    return time, int(step), value


class RunFolder:
    """The folder of one run, as an `ingest.runs.source.Source`."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._log = log
        self._start()

    def _start(self) -> None:
        self._where = printable(self._path.name)
        self._points = Points(self._log, self._where)
        self._metrics: dict[str, _MetricFile] = {}
        self._read: set[str] = set()

    def poll(self) -> bool:
        """Read new lines of every metric, in the order in which they were logged."""
        if any(one.shrank() for one in self._metrics.values()):
            self._log.clear()
            self._start()
        self._read_settings()
        for name, path in _files(self._path / "metrics"):
            if name not in self._metrics and len(self._metrics) < MAX_COLUMNS:
                self._metrics[name] = _MetricFile(path, self._points.column(name))
        times: list[float] = []
        columns: list[int] = []
        steps: list[int] = []
        values: list[float] = []
        for metric in self._metrics.values():
            for time, step, value in metric.read():
                times.append(time)
                columns.append(metric.column)
                steps.append(step)
                values.append(value)
        # Times are milliseconds: what came within one is put by its step.
        order = np.lexsort((np.array(steps, np.int64), np.array(times)))
        self._points.add(
            np.array(columns, np.int64)[order],
            np.array(steps, np.int64)[order],
            np.array(values)[order],
        )
        return bool(times)

    def close(self) -> None:
        """Note what could not be read of each metric."""
        for name, metric in self._metrics.items():
            metric.close(self._log, f"{self._where}/metrics/{printable(name)}")

    def files(self) -> tuple[Path, ...]:
        """Return the run's description and the files of its metrics."""
        return (self._path / _META, *(self._path / "metrics" / name for name in self._metrics))

    def _read_settings(self) -> None:
        meta = read_meta(self._path)
        self._log.set("run.name", meta.get("run_name"))
        status = meta.get("status")
        self._log.set(STATE, _STATES.get(status) if isinstance(status, int) else None)
        for name, path in _files(self._path / "params"):
            if name not in self._read and len(self._read) < MAX_SETTINGS:
                self._read.add(name)
                self._log.set(name, scalar(_text(path)))


def read_meta(folder: Path) -> dict[str, Scalar | None]:
    """Return what a run's description says; its lines are `key: value`, none of them nested."""
    pairs = (line.partition(": ") for line in _text(folder / _META).splitlines())
    return {key: scalar(value) for key, colon, value in pairs if colon and key.isidentifier()}


def _text(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return file.read(_LONGEST_TEXT).decode("utf-8", "replace")
    except InputUnreadable:
        return ""


def _files(folder: Path, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Path]]:
    """Yield the regular files below a folder with their names, such as `train/loss`."""
    for entry in _entries(folder):
        name = prefix + entry.name
        if entry.is_file(follow_symlinks=False):
            yield name, Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and depth < _DEEPEST:
            yield from _files(Path(entry.path), f"{name}/", depth + 1)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)[:_MOST_FOLDERS]
    except (OSError, ValueError):
        return []


def _folders(folder: Path) -> list[Path]:
    """Return the folders right in a folder that have a description, without links."""
    found = [Path(one.path) for one in _entries(folder) if one.is_dir(follow_symlinks=False)]
    return [one for one in found if (one / _META).is_file()]


def runs_below(path: Path) -> list[FolderRun]:
    """Return the runs at a run, an experiment, a store, or a folder with a store `mlruns`."""
    if _is_run(path):
        return [_run(path)]
    store = path / "mlruns" if (path / "mlruns").is_dir() else path
    above = [store, *_folders(store)]
    found = [one for folder in above for one in _folders(folder) if _is_run(one)]
    return [_run(one) for one in found if read_meta(one).get("lifecycle_stage") != "deleted"]


def _is_run(path: Path) -> bool:
    return (path / _META).is_file() and (path / "metrics").is_dir()


def _run(path: Path) -> FolderRun:
    """Describe a run. One that ended says when; a copy of its files was written later."""
    meta = read_meta(path)
    ended = number(meta.get("end_time"))
    if ended is None:
        written = [path / _META, *(one for _, one in _files(path / "metrics"))]
        updated = max(one.stat().st_mtime for one in written)
    else:
        updated = ended / 1000
    name = printable(str(meta.get("run_name") or path.name)[:MAX_NAME])
    return FolderRun(name, path, updated, partial(RunFolder, path))
