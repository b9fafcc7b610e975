"""A series made ready for drawing, and its least and greatest value in each column of a chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kb.run import FloatArray, IntArray, Series

BoolArray = npt.NDArray[np.bool_]

GAP = 8.0
"""Times the usual distance between two steps after which nothing was logged: a gap in a curve
is then left open. A choice; resumed runs and epoch-wise metrics stay whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One series by rising step: all arrays have shape (n,).

    `values` has NaN for whatever is not finite, and `broken` tells where. `open` is True where
    the way to the next value is a gap.
    """

    steps: FloatArray
    values: FloatArray
    broken: BoolArray
    open: BoolArray

    @classmethod
    def from_series(cls, series: Series) -> Trace:
        """Put a series in order of its steps; a step that went back shows twice in its place."""
        steps = series.steps.astype(np.float64)
        values = np.asarray(series.values, dtype=np.float64)
        distances = np.diff(steps)
        if distances.size and distances.min() < 0:
            order = np.argsort(steps, kind="stable")
            steps, values = steps[order], values[order]
            distances = np.diff(steps)
        broken = ~np.isfinite(values)
        if broken.any():
            values = np.where(broken, np.nan, values)
        usual = float(np.median(distances)) if distances.size else 0.0
        opened = np.zeros(steps.size, dtype=np.bool_)
        if usual > 0:
            opened[:-1] = distances > GAP * usual
        return cls(steps, values, broken, opened)

    def __len__(self) -> int:
        return int(self.steps.size)

    def extent(self) -> tuple[float, float] | None:
        """Return the first and the last step, None when nothing was logged."""
        return (float(self.steps[0]), float(self.steps[-1])) if len(self) else None

    def first_broken(self) -> int | None:
        """Return the step of the first value that is not finite."""
        places = np.flatnonzero(self.broken)
        return int(self.steps[places[0]]) if places.size else None


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What a chart shows of a trace in each of its columns; all arrays have shape (columns,).

    `low`, `high` and `mean` are NaN where a column holds no finite value. `open` is True where
    the curve must not be drawn on to the next column that holds one.
    """

    low: FloatArray
    high: FloatArray
    mean: FloatArray
    counts: IntArray
    broken: BoolArray
    open: BoolArray


def decimate(trace: Trace, begin: float, end: float, columns: int) -> Columns:
    """Return the extremes of `trace` in `columns` equal stretches of the steps begin..end.

    No value of the stretch lies outside them, so a spike of one value in a million shows. Takes
    one pass over the values.
    """
    edges = begin + (end - begin) * np.arange(columns + 1) / columns
    bounds = np.searchsorted(trace.steps, edges, "left")
    bounds[-1] = np.searchsorted(trace.steps, end, "right")
    counts = np.diff(bounds)
    held = counts > 0
    starts, ends = bounds[:-1][held], bounds[1:][held]
    stop = int(bounds[-1])
    values, broken = trace.values[:stop], trace.broken[:stop]
    low, high, mean = (np.full(columns, np.nan) for _ in range(3))
    any_broken, any_open = np.zeros(columns, dtype=np.bool_), np.zeros(columns, dtype=np.bool_)
    if starts.size:
        low[held] = np.fmin.reduceat(values, starts)
        high[held] = np.fmax.reduceat(values, starts)
        mean[held] = _means(values, broken, starts, low[held], high[held])
        any_broken[held] = np.logical_or.reduceat(broken, starts)
        # A gap inside a column is too short to show; one after its last value is not.
        any_open[held] = trace.open[ends - 1] | np.isnan(values[ends - 1])
    return Columns(low, high, mean, counts, any_broken, any_open)


def nearest_value(trace: Trace, step: float) -> int | None:
    """Return the place of the value logged closest to `step`, None when there is none."""
    if not len(trace):
        return None
    place = int(np.searchsorted(trace.steps, step))
    around = [one for one in (place - 1, place) if 0 <= one < len(trace)]
    return min(around, key=lambda one: abs(float(trace.steps[one]) - step))


def _means(
    values: FloatArray, broken: BoolArray, starts: IntArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return the mean of the finite values of each stretch, shape (stretches,)."""
    finite = np.add.reduceat(~broken, starts, dtype=np.int64)
    with np.errstate(all="ignore"):
        means = np.add.reduceat(np.where(broken, 0.0, values), starts) / finite
        # The sum of the largest floats overflows; rounding may leave the extremes.
        means = np.where(np.isinf(means), low / 2 + high / 2, means)
        return np.asarray(np.clip(means, low, high))
