"""Records of one file -> columns of a Log, each value at the step of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.runs.formats.clock import Clock, Clocks, Place, Tick, find_clocks
from ingest.runs.log import MAX_COLUMNS, Log, clean

_MAX_LAYOUTS = 512
_MAX_LAYOUT = 16 * 1024
"""Characters of names of one layout that is kept for the next record."""

_WRITERS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"epoch", "train_loss", "eval_top1"}), "timm"),
    (frozenset({"epoch", "train_loss", "train_lr"}), "dino"),
    (frozenset({"iter", "data_time", "time", "lr"}), "mmengine"),
    (frozenset({"time", "data_time", "memory"}), "mmengine"),
    (frozenset({"gnorm"}), "fairseq"),
    (frozenset({"train_num_updates", "train_loss"}), "fairseq"),
    (frozenset({"max mem", "time", "data"}), "dino"),
    (frozenset({"Logit Scale", "LR"}), "openclip"),
)
"""Names that together give away the program that wrote them, as the vocabulary calls it."""


@dataclass(slots=True, eq=False)
class _Pending:
    """Values of one name that the Log does not have yet; `last` is the last step that it has."""

    name: str
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    last: int | None = None

    def last_step(self) -> int | None:
        return self.steps[-1] if self.steps else self.last


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The names of a record in order: which are clocks, and where the values of others go."""

    clocks: Clocks
    columns: tuple[_Pending | None, ...]


class Records:
    """Collects the records of one file; `flush` hands them to the Log.

    Records with the same names share a Layout, so that reading one costs little more than
    appending its values.
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._clock = Clock(log, where)
        self._pending: dict[str, _Pending] = {}
        self._layouts: dict[tuple[str, ...], Layout] = {}
        self._filled: list[_Pending] = []
        self._newest: int | None = None
        self._unread = 0
        self._first_unread = 0
        self._steps = _Pending("step")
        self._epochs = _Pending("epoch")
        self._told: tuple[float, int] | None = None

    def layout(self, names: Sequence[str]) -> Layout:
        """Return the layout of a record with these names; blank and repeated names are left out."""
        key = tuple(names)
        found = self._layouts.get(key)
        if found is not None:
            return found
        found = self._make_layout([clean(name) for name in key])
        if sum(map(len, key)) <= _MAX_LAYOUT:
            if len(self._layouts) >= _MAX_LAYOUTS:
                self._layouts.clear()
            self._layouts[key] = found
        return found

    def _make_layout(self, names: list[str]) -> Layout:
        clocks = find_clocks(names)
        for signs, logger in _WRITERS:
            if signs.issubset(names):
                self._log.logger = logger
        seen: set[str] = set()
        columns: list[_Pending | None] = []
        for at, name in enumerate(names):
            taken = at in clocks.all or not name or name in seen
            columns.append(None if taken else self._column(name))
            seen.add(name)
        return Layout(clocks, tuple(columns))

    def _column(self, name: str) -> _Pending | None:
        column = self._pending.get(name)
        if column is None and len(self._pending) < MAX_COLUMNS:
            column = self._pending[name] = _Pending(name)
        elif column is None:
            text = f"more than {MAX_COLUMNS} metrics; the rest is left out"
            self._log.find("left out", text)
        return column

    def add(self, layout: Layout, values: Sequence[float | None], tick: Tick) -> None:
        """Add a record: a value for each name of `layout`, None where there is none.

        A record without a metric only moves the clock on.
        """
        again = self._clock.asks_again and self._again(layout, values)
        place = self._clock.place(tick, again)
        step = place.step
        if self._newest is None or step > self._newest:
            self._newest = step
        else:
            self._look_back(layout, values, step)
        self._tell_time(place)
        for column, value in zip(layout.columns, values, strict=True):
            if column is not None and value is not None:
                if not column.steps:
                    self._filled.append(column)
                column.steps.append(step)
                column.values.append(value)

    def _again(self, layout: Layout, values: Sequence[float | None]) -> bool:
        return any(
            column is not None and value is not None and column.last_step() is not None
            for column, value in zip(layout.columns, values, strict=True)
        )

    def _look_back(self, layout: Layout, values: Sequence[float | None], step: int) -> None:
        """Note metrics that were already logged at this step or a later one."""
        for column, value in zip(layout.columns, values, strict=True):
            if column is None or value is None:
                continue
            last = column.last_step()
            if last is not None and step < last:
                text = f"the step went back from {last} to {step}"
                self._log.find("step went back", text, self._where, step)
            elif step == last:
                text = f"{column.name} was logged again at step {step}"
                self._log.find("step repeated", text, self._where, step)

    def _tell_time(self, place: Place) -> None:
        """Let the clocks' own columns grow as the clocks do, not with every record."""
        if place.counted and place.step != self._steps.last_step():
            self._put(self._steps, place.step, place.step)
        if place.epoch is not None and (place.epoch, place.step) != self._told:
            self._told = (place.epoch, place.step)
            self._put(self._epochs, place.step, place.epoch)

    def _put(self, column: _Pending, step: int, value: float) -> None:
        if not column.steps:
            self._filled.append(column)
        column.steps.append(step)
        column.values.append(value)

    def skip(self, line: int) -> None:
        """Count a line that should hold a record and does not; blank lines have no number."""
        self._first_unread = self._first_unread or line
        self._unread += 1

    def flush(self) -> None:
        """Hand what was collected to the Log, names in the order of their first values."""
        for column in self._filled:
            self._log.extend(
                column.name,
                np.array(column.steps, dtype=np.int64),
                np.array(column.values, dtype=np.float64),
            )
            column.last = column.steps[-1]
            column.steps.clear()
            column.values.clear()
        self._filled.clear()

    def close(self, expected: str) -> None:
        """Flush, and note how many lines were skipped; `expected` says what they should hold."""
        self.flush()
        if self._unread:
            text = (
                f"{self._unread} of the lines could not be read, the first of them line "
                f"{self._first_unread}; expected {expected}"
            )
            self._log.find("unreadable record", text, self._where)
