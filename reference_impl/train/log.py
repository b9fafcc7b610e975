"""Files written atomically, and a bar on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves either the old content or the new."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


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
