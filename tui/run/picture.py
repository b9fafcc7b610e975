"""One chart as characters: title, plot with its numbers, axis, and what the cursor reads.

No Textual here: what is drawn can be tested without an app.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from assistant.levels import Level
from tui.run import raster
from tui.run.raster import Grid, Ink
from tui.run.scale import Scale, labels, number, scale_of, spans_decades
from tui.run.trace import Columns, Trace, decimate, nearest_value

GUTTER = 9
"""Columns left of the plot: a number of four digits with sign and exponent, and the axis."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """What one chart shows.

    `curves` are one, or two to be overlaid. `begin` and `end` are the steps at its edges;
    `marked` is a step with a line through it, such as where two runs part.
    """

    metric: str
    curves: tuple[Trace, ...]
    begin: float
    end: float
    levels: tuple[Level, ...] = ()
    marked: float | None = None
    note: str = ""

    @property
    def by_default_log(self) -> bool:
        """Tell whether the values span so many decades that a linear scale shows nothing."""
        low, high = self._range()
        return spans_decades(low, high)

    def scale(self, log: bool) -> Scale:
        """Return the scale that takes in all values, and the levels where there is room."""
        return scale_of(*self._range(), [level.value for level in self.levels], log=log)

    def _range(self) -> tuple[float, float]:
        held = [found for curve in self.curves if (found := curve.extremes()) is not None]
        if not held:
            return 0.0, 1.0
        return min(low for low, _ in held), max(high for _, high in held)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A drawn chart: the plot, the numbers beside its rows, and the line below it."""

    grid: Grid
    numbers: dict[int, str]
    axis: str
    scale: Scale


@dataclass(frozen=True, slots=True)
class Reading:
    """What a curve says at the cursor: its nearest step, and the values of that column."""

    step: int
    value: float
    low: float
    high: float
    count: int


@dataclass(slots=True)
class Painter:
    """Draws a chart again and again; keeps what only depends on the data and the width."""

    chart: Chart
    _columns: dict[tuple[int, int], Columns] = field(default_factory=dict)
    _scales: dict[bool, Scale] = field(default_factory=dict)

    def columns(self, curve: int, count: int) -> Columns:
        """Return the extremes of a curve in `count` columns."""
        key = curve, count
        if key not in self._columns:
            trace = self.chart.curves[curve]
            self._columns[key] = decimate(trace, self.chart.begin, self.chart.end, count)
        return self._columns[key]

    def scale(self, log: bool) -> Scale:
        """Return the scale of the chart."""
        if log not in self._scales:
            self._scales[log] = self.chart.scale(log)
        return self._scales[log]

    def paint(self, rows: int, columns: int, *, log: bool, cursor: float | None = None) -> Picture:
        """Return the chart in `rows` rows of plot, `columns` wide without the gutter."""
        chart, scale = self.chart, self.scale(log)
        grid = Grid.empty(rows, columns)
        broken = np.zeros(columns, dtype=np.bool_)
        for place in range(len(chart.curves)):
            half = 2 if place == 0 else 1
            held = self.columns(place, half * columns)
            (raster.first_curve if place == 0 else raster.second_curve)(grid, held, scale)
            broken |= (held.broken > 0).reshape(columns, half).any(axis=1)
        raster.broken_columns(grid, broken)
        raster.levels(grid, [(one.value, _label(one, columns)) for one in chart.levels], scale)
        for step, ink in ((chart.marked, Ink.MARK), (cursor, Ink.LABEL)):
            if step is not None:
                raster.upright(grid, self.column_of(step, columns), ink)
        return Picture(grid, labels(scale, rows), _axis(chart, columns), scale)

    def column_of(self, step: float, columns: int) -> int:
        """Return the column of a step."""
        span = self.chart.end - self.chart.begin
        share = (step - self.chart.begin) / span if span > 0 else 0.0
        return min(columns - 1, max(0, int(share * columns)))

    def step_of(self, column: int, columns: int) -> float:
        """Return the step in the middle of a column."""
        span = self.chart.end - self.chart.begin
        return self.chart.begin + (column + 0.5) / columns * span

    def read(self, curve: int, step: float, columns: int) -> Reading | None:
        """Return what a curve says at a step, None when it holds nothing."""
        trace = self.chart.curves[curve]
        place = nearest_value(trace, step)
        if place is None:
            return None
        held, column = self.columns(curve, 2 * columns), self.column_of(step, columns)
        pair = slice(2 * column, 2 * column + 2)
        count = int(held.counts[pair].sum())
        spread = [x for x in (*held.low[pair], *held.high[pair]) if np.isfinite(x)]
        value = float(trace.values[place])
        low, high = (min(spread), max(spread)) if spread else (value, value)
        return Reading(int(trace.steps[place]), value, float(low), float(high), count)


def _label(level: Level, columns: int) -> str:
    """Return what a level is called, with its formula where there is room."""
    formula = f" = {level.formula}" if level.formula != number(level.value) else ""
    long = f"{level.label}{formula}"
    return long if len(long) <= columns // 2 else level.label


def _axis(chart: Chart, columns: int) -> str:
    """Return the line below the plot, with the steps at its ends."""
    first, last = f" {chart.begin:,.0f} ", f" step {chart.end:,.0f} "
    room = columns - len(first) - len(last) - 1
    if room < 1:
        return ("└" + last.rjust(columns, "─"))[: columns + 1]
    return f"└{first}{'─' * room}{last}┘"[: columns + 1]


def said(reading: Reading) -> str:
    """Return a reading in words: the value with its step."""
    return f"{number(reading.value)} at step {reading.step:,}"


def spread(reading: Reading) -> str:
    """Return what else lies in the column of a reading, nothing where it is alone."""
    if reading.count < 2 or not reading.high > reading.low:
        return ""
    return f"{reading.count:,} values here, {number(reading.low)} to {number(reading.high)}"
