"""A series made ready for drawing, and its least, mean and greatest value in each column."""

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
    """Values by rising step, each alone or standing for a stretch; all arrays have shape (n,).

    `low`, `values` and `high` are the least, mean and greatest finite value of each stretch, NaN
    where there is none; `counts` how many values it has, `broken` how many of them are not
    finite. `open` is True where the way to the next value is a gap.
    """

    steps: FloatArray
    values: FloatArray
    low: FloatArray
    high: FloatArray
    counts: IntArray
    broken: IntArray
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
        finite = np.isfinite(values)
        if not finite.all():
            values = np.where(finite, values, np.nan)
        opened = np.zeros(steps.size, dtype=np.bool_)
        usual = float(np.median(distances)) if distances.size else 0.0
        if usual > 0:
            opened[:-1] = distances > GAP * usual
        ones = np.ones(steps.size, dtype=np.int64)
        return cls(steps, values, values, values, ones, ones - finite, opened)

    def __len__(self) -> int:
        return int(self.steps.size)

    def extent(self) -> tuple[float, float] | None:
        """Return the first and the last step, None when nothing was logged."""
        return (float(self.steps[0]), float(self.steps[-1])) if len(self) else None

    def extremes(self) -> tuple[float, float] | None:
        """Return the least and the greatest finite value, None when there is none."""
        if np.isnan(self.values).all():
            return None
        return float(np.nanmin(self.low)), float(np.nanmax(self.high))

    def first_broken(self) -> int | None:
        """Return the step of the first value that is not finite."""
        places = np.flatnonzero(self.broken)
        return int(self.steps[places[0]]) if places.size else None

    @property
    def ends_broken(self) -> bool:
        """Tell whether the newest value is not finite."""
        return len(self) > 0 and bool(np.isnan(self.values[-1]))

    def followed_by(self, later: Trace) -> Trace:
        """Return this trace with what `later` holds after its last step."""
        if not len(self):
            return later
        after = later.steps > self.steps[-1]
        if not after.any():
            return self
        pairs = zip(self._arrays(), later._arrays(), strict=True)
        return Trace(*(np.concatenate((mine, other[after])) for mine, other in pairs))

    def condensed(self, most: int) -> Trace:
        """Return a trace of at most `most` stretches that draws the same wherever there are fewer
        columns: no extreme, no value that is not finite and no gap wider than one is lost."""
        extent = self.extent()
        if extent is None or len(self) <= most:
            return self
        held = decimate(self, *extent, most)
        some = held.counts > 0
        steps = self.steps[np.searchsorted(self.steps, held.edges[:-1][some], "left")]
        steps[-1] = self.steps[-1]  # what is logged later follows on the last value
        return Trace(
            steps,
            held.mean[some],
            held.low[some],
            held.high[some],
            held.counts[some],
            held.broken[some],
            held.open[some],
        )

    def _arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (
            self.steps, self.values, self.low, self.high, self.counts, self.broken, self.open
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What a chart shows of a trace in each of its columns; arrays have shape (columns,), `edges`
    (columns + 1,).

    `low`, `high` and `mean` are NaN where a column holds no finite value. `open` is True where
    the curve must not be drawn on to the next column that holds one.
    """

    edges: FloatArray
    low: FloatArray
    high: FloatArray
    mean: FloatArray
    counts: IntArray
    broken: IntArray
    open: BoolArray


def decimate(trace: Trace, begin: float, end: float, columns: int) -> Columns:
    """Return the extremes of `trace` in `columns` equal stretches of the steps begin..end.

    No value of a stretch lies outside its extremes, so a spike of one value in a million shows.
    Takes one pass over the values.
    """
    edges = begin + (end - begin) * np.arange(columns + 1) / columns
    bounds = np.searchsorted(trace.steps, edges, "left")
    bounds[-1] = np.searchsorted(trace.steps, end, "right")
    held = np.diff(bounds) > 0
    starts, ends, stop = bounds[:-1][held], bounds[1:][held], int(bounds[-1])
    low, high, mean = (np.full(columns, np.nan) for _ in range(3))
    counts, broken = np.zeros(columns, dtype=np.int64), np.zeros(columns, dtype=np.int64)
    opened = np.zeros(columns, dtype=np.bool_)
    if starts.size:
        low[held] = np.fmin.reduceat(trace.low[:stop], starts)
        high[held] = np.fmax.reduceat(trace.high[:stop], starts)
        counts[held] = np.add.reduceat(trace.counts[:stop], starts)
        broken[held] = np.add.reduceat(trace.broken[:stop], starts)
        mean[held] = _means(trace, stop, starts, low[held], high[held])
        # A gap inside a column is too short to show; one after its last value is not.
        opened[held] = trace.open[ends - 1] | np.isnan(trace.values[ends - 1])
    return Columns(edges, low, high, mean, counts, broken, opened)


def nearest_value(trace: Trace, step: float) -> int | None:
    """Return the place of the value logged closest to `step`, None when there is none."""
    if not len(trace):
        return None
    place = int(np.searchsorted(trace.steps, step))
    around = [one for one in (place - 1, place) if 0 <= one < len(trace)]
    return min(around, key=lambda one: abs(float(trace.steps[one]) - step))


def _means(
    trace: Trace, stop: int, starts: IntArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return the mean of the finite values of each stretch, shape (stretches,)."""
    finite = trace.counts[:stop] - trace.broken[:stop]
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.where(finite > 0, trace.values[:stop] * finite, 0.0), starts)
        means = sums / np.add.reduceat(finite, starts)
        # The sum of the largest floats overflows; rounding may leave the extremes.
        means = np.where(np.isinf(means), low / 2 + high / 2, means)
        return np.asarray(np.clip(means, low, high))
