"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any


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
