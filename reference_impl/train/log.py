"""A run's folder: files written atomically, a log cut back on resume, a bar on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from reference_impl.monitor.log import METRICS


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves either the old content or the new."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def cut_log(folder: Path, done: int) -> None:
    """Drop from a run's log what came after `done` updates: a resumed run writes it again."""
    path = folder / METRICS
    if path.exists():
        lines = path.read_bytes().splitlines(keepends=True)
        write_atomically(path, b"".join(line for line in lines if _before(line, done)))


def _before(line: bytes, done: int) -> bool:
    """Tell whether a record is of the first `done` updates, or a probe made right after them."""
    try:
        record = json.loads(line)
        step = float(record["step"])
    except (ValueError, KeyError, TypeError):
        return False  # a crash cut it off
    return step < done or (step == done and "loss" not in record)


class Bar:
    """A progress bar where tqdm is installed and somebody is watching, otherwise silent."""

    def __init__(self, total: int, done: int, *, shown: bool) -> None:
        self._bar: Any = None
        if shown and sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, initial=done, unit="step", file=sys.stderr)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self) -> None:
        """Count one update."""
        if self._bar is not None:
            self._bar.update(1)

    def show(self, values: Mapping[str, Any]) -> None:
        """Show loss and nearest-neighbour accuracy beside the bar."""
        if self._bar is not None:
            shown = {k: f"{float(v):.4g}" for k, v in values.items() if k in {"loss", "knn_acc"}}
            self._bar.set_postfix(shown, refresh=False)
