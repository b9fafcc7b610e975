"""A run's folder as `ssl-doctor` reads it: config.json and one JSON line a record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from reference_impl.files import write_atomically

METRICS = "metrics.jsonl"
CONFIG = "config.json"
EARLIER = ".earlier"
"""Folder of earlier runs: of those in a hidden one, the newest is not looked for."""


class RunLog:
    """Appends records to `folder`/metrics.jsonl, which holds one run.

    The log of an earlier run is moved with its config to `.earlier/1`, or the next free number:
    `ssl-doctor` reads it there when asked to, and not together with the new one. With `resume`
    the run there goes on, and what it recorded from the first step on that is written now, is
    dropped. NaN and infinity are written as such: they are findings, not errors.
    """

    def __init__(self, folder: Path, config: Mapping[str, object], *, resume: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / METRICS
        if not resume and self._path.exists() and self._path.stat().st_size:
            _move_aside(folder)
        if config:
            text = json.dumps(dict(config), indent=2, default=str)
            (folder / CONFIG).write_text(f"{text}\n", encoding="utf-8")
        self._path.touch()
        self.last_step = _last_step(self._path)
        self._file: BinaryIO | None = None
        self._whole = _ends_whole(self._path)

    def write(self, record: Mapping[str, float]) -> None:
        """Append one record and hand it to the system, so that a follower sees it at once.

        Raises OSError when there is no room for it; later records start on a line of their own.
        """
        if self._file is None:
            cut(self._path, record["step"])
            self._whole = _ends_whole(self._path)
            # A buffer would keep what a full disk refused and fail again when it is closed.
            self._file = self._path.open("ab", buffering=0)
        line = (json.dumps(record) + "\n").encode()
        if not self._whole:
            line = b"\n" + line
        self._whole = False
        if self._file.write(line) < len(line):
            raise OSError("a record was written only in part")
        self._whole = True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def cut(path: Path, step: float) -> None:
    """Drop from a log what came from `step` on, and what a crash left of a line.

    What was measured beside the steps at `step` itself, such as a probe, stays: it came before.
    """
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if _before(line, step)]
    if len(kept) < len(lines):
        write_atomically(path, b"".join(kept))


def _before(line: bytes, step: float) -> bool:
    own = _step_of(line)
    return own is not None and (own < step or (own == step and b'"loss"' not in line))


def _step_of(line: bytes) -> float | None:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return None


def _last_step(path: Path) -> int:
    """Return the largest step of a log, -1 without one."""
    with path.open("rb") as file:
        steps = [step for line in file if (step := _step_of(line)) is not None]
    return int(max(steps, default=-1))


def _move_aside(folder: Path) -> None:
    """Move log and config to a folder below `.earlier` that is not there yet."""
    number = 1
    while (aside := folder / EARLIER / str(number)).exists():
        number += 1
    aside.mkdir(parents=True)
    for name in (METRICS, CONFIG):
        if (folder / name).exists():
            (folder / name).rename(aside / name)


def _ends_whole(path: Path) -> bool:
    """Tell whether the last line is complete; a killed run may leave half of one."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return True
        file.seek(-1, 2)
        return file.read(1) == b"\n"
