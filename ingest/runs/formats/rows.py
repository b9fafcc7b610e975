"""Rows of named numbers with a step that the logger counted -> records."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ingest.runs.formats.clock import Tick, counts
from ingest.runs.formats.records import Records
from ingest.runs.log import Log


class Rows:
    """Adds rows at the step that the trainer counted, where there is such a name, or at the
    logger's own.

    A logger that is given no step counts its calls; Lightning writes `trainer/global_step`
    beside that. Rows without it then stand at the last step that was.
    """

    def __init__(self, log: Log, where: str) -> None:
        self._records = Records(log, where)
        self._counts_itself = False
        self.newest = 0
        """The newest step."""

    def add(self, row: Mapping[str, float], step: float | None) -> None:
        """Add one row; `step` is the logger's, None where it gave none."""
        layout = self._records.layout(tuple(row))
        clocks, values = layout.clocks, list(row.values())
        if clocks.step is not None and counts([*row][clocks.step]) == "steps":
            self._counts_itself = True
            step = values[clocks.step]
        elif self._counts_itself:
            step = None
        epoch = None if clocks.epoch is None else values[clocks.epoch]
        whole = epoch is None or epoch.is_integer()
        self._records.add(layout, values, Tick(step, epoch, whole=whole))
        if step is not None and math.isfinite(step):
            self.newest = int(step)

    def flush(self) -> None:
        """Hand what was read to the Log."""
        self._records.flush()
