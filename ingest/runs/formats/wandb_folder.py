"""The folder of a W&B run, `run-<time>-<id>` or `offline-run-<time>-<id>`, or `wandb` above them.

It holds the run's log, `run-<id>.wandb`, and under `files` the configuration and the summary.
The log says what they say, unless it is damaged or was not kept.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from ingest.files import printable, read_text
from ingest.runs.formats.base import FolderFormat, FolderRun
from ingest.runs.formats.json_lines import parse
from ingest.runs.formats.json_numbers import numbers
from ingest.runs.formats.wandb import FORMAT as LOG_FORMAT
from ingest.runs.log import Log
from ingest.runs.source import FileSource
from kb import safe_yaml
from kb.errors import InputUnreadable

_PREFIXES = ("run-", "offline-run-")
_CONFIG, _SUMMARY = Path("files", "config.yaml"), Path("files", "wandb-summary.json")
_STEP = "_step"
_MOST_FILES = 10_000


class RunFolder:
    """A run's folder as an `ingest.runs.source.Source`."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path = path
        self._log = log
        self._config_written: int | None = None
        logs = _logs(path)
        self._source = FileSource(logs[-1], log, LOG_FORMAT.make, self._forget) if logs else None

    def _forget(self) -> None:
        self._log.clear()
        self._config_written = None

    def poll(self) -> bool:
        """Read the configuration if it changed, and what the log has got since."""
        grown = self._read_config()
        return (self._source is not None and self._source.poll()) or grown

    def close(self) -> None:
        """Take the summary for the end of a run whose log was not kept."""
        if self._source is not None:
            self._source.close()
            return
        summary = dict(numbers("", parse(self._text(_SUMMARY).strip()) or {}))
        step = summary.pop(_STEP, 0.0)
        for name, value in summary.items():
            if not name.startswith("_"):
                self._log.add(name, int(step) if abs(step) < 2**62 else 0, value)

    def files(self) -> tuple[Path, ...]:
        """Return the log, or what stands for it."""
        if self._source is not None:
            return self._source.files()
        return tuple(one for name in (_CONFIG, _SUMMARY) if (one := self._path / name).is_file())

    def _read_config(self) -> bool:
        path = self._path / _CONFIG
        written = path.stat().st_mtime_ns if path.is_file() else None
        if written == self._config_written:
            return False
        self._config_written = written
        try:
            held, _ = safe_yaml.load(self._text(_CONFIG), where=printable(path))
        except InputUnreadable as error:
            self._log.find("unreadable record", error.message, printable(path.name))
            return False
        for name, entry in held.items() if isinstance(held, dict) else ():
            if str(name) != "_wandb":
                value = entry["value"] if isinstance(entry, dict) and "value" in entry else entry
                self._log.set(str(name), value)
        return True

    def _text(self, name: Path) -> str:
        try:
            return read_text(self._path / name)
        except InputUnreadable:
            return ""


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)[:_MOST_FILES]
    except (OSError, ValueError):
        return []


def _logs(folder: Path) -> list[Path]:
    """Return the logs in a folder, the newest last."""
    found = [
        Path(entry.path)
        for entry in _entries(folder)
        if entry.name.endswith(".wandb") and entry.is_file(follow_symlinks=False)
    ]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _is_run(path: Path) -> bool:
    return bool(_logs(path)) or (path.name.startswith(_PREFIXES) and (path / _SUMMARY).is_file())


def _runs(path: Path) -> list[FolderRun]:
    """Return the runs at a run's folder, at `wandb`, or at a folder with a `wandb` in it."""
    if not path.is_dir():
        return []
    if _is_run(path):
        return [_run(path)]
    found = [
        _run(Path(entry.path))
        for folder in (path, path / "wandb")
        for entry in _entries(folder)
        if entry.name.startswith(_PREFIXES)
        and entry.is_dir(follow_symlinks=False)
        and _is_run(Path(entry.path))
    ]
    return sorted(found, key=lambda run: run.updated, reverse=True)


def _run(path: Path) -> FolderRun:
    written = [*_logs(path), *(one for one in (path / _CONFIG, path / _SUMMARY) if one.is_file())]
    updated = max((one.stat().st_mtime for one in written), default=0.0)
    return FolderRun(printable(path.name), path, updated, partial(RunFolder, path))


FORMAT = FolderFormat("W&B run", "wandb", _runs)
