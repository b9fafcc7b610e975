"""What happens inside a series: jumps, swings, a period, spikes, a clock that went back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from kb.run import FloatArray, IntArray, Series
from kb.signature.robust import blocks, finite, size_of, tail, without_trend

MAX_BLOCKS = 1024
"""Blocks a long series is reduced to before its shape is read."""

_SIDE = 6
"""Values on each side of a jump whose medians must differ too: a spike is no jump."""

_NEIGHBOURHOOD = 16
"""Values on each side that tell how far neighbours usually lie apart."""

_CLEAR = 8.0
"""How many usual steps a jump, and how many deviations a spike, must exceed."""

_SPIKE_WINDOW = 9

MAX_SPIKED = 65_536
"""Newest values in which spikes are counted."""

_LEAST_STEP = 1e-3
"""A usual step is taken as at least this share of a value: rounding in a log is no scale."""


@dataclass(frozen=True, slots=True)
class Jump:
    """A lasting change between two neighbouring values: its relative size and its step."""

    size: float
    step: float


NO_JUMP = Jump(0.0, float("nan"))


def jump(series: Series, direction: Literal["up", "down"]) -> Jump:
    """Return the largest lasting jump of the finite values, NO_JUMP when none is clear.

    It must exceed eight times the usual difference of neighbours around it, and the medians of
    the six values before and after must differ by at least half of it.
    """
    held = np.isfinite(series.values)
    points, width = blocks(series.values[held], MAX_BLOCKS)
    steps = series.steps[held][points.size and held.sum() % width :: width]
    if points.size < 2 * _SIDE:
        return NO_JUMP
    change = np.diff(points)
    usual = _moving_median(np.abs(change), 2 * _NEIGHBOURHOOD + 1)
    windows = np.lib.stride_tricks.sliding_window_view(points, _SIDE)
    medians = np.median(windows, axis=1)
    place = np.arange(_SIDE - 1, points.size - _SIDE)
    before, after = medians[place - _SIDE + 1], medians[place + 1]
    sign = 1.0 if direction == "up" else -1.0
    step, shift = sign * change[place], sign * (after - before)
    scale = np.maximum(usual[place], _LEAST_STEP * np.maximum(np.abs(before), 1e-12))
    lasting = np.where(shift >= 0.5 * step, step, 0.0)
    clear = np.where(lasting > _CLEAR * scale, lasting, 0.0)
    best = int(np.argmax(clear))
    if clear[best] <= 0:
        return NO_JUMP
    size = float(shift[best] / max(abs(before[best]), 1e-12))
    return Jump(size, float(steps[place[best] + 1]))


def swing(values: FloatArray) -> float:
    """Return the 5% to 95% range of the last half around its trend, over its typical size."""
    late = tail(values, 0.5)
    low, high = np.quantile(without_trend(late), (0.05, 0.95))
    return float(high - low) / size_of(late)


def smoothed(values: FloatArray) -> FloatArray:
    """Return medians over a moving window of a thirty-second of the series, at least 3 values."""
    held = finite(values)
    if held.size < 3:
        return held
    points, _ = blocks(held, MAX_BLOCKS)
    width = min(max(3, points.size // 32), points.size)
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(points, width), axis=1))


def rebound(values: FloatArray) -> float:
    """Return the largest rise that undoes an earlier fall, relative to the largest value.

    0 for a series that rises once and falls once, as a warm-up with its decay does; near 1 for
    a schedule that starts again.
    """
    smooth = smoothed(values)
    fallen = np.maximum.accumulate(smooth) - smooth
    risen = np.maximum.accumulate(smooth[::-1])[::-1] - smooth
    return float(np.minimum(fallen, risen).max()) / max(float(np.abs(smooth).max()), 1e-12)


def position(place: int, count: int) -> float:
    """Return where an index lies in a series of `count` values, 0 at the start, 1 at the end."""
    return place / (count - 1) if count > 1 else 1.0


@dataclass(frozen=True, slots=True)
class Period:
    """A repeating pattern: its length in values and its strength, an autocorrelation."""

    length: float
    strength: float


def period(values: FloatArray) -> Period:
    """Return the strongest repeat of at least 4 values, seen at least three times.

    The trend is removed first. A lag counts when the autocorrelation peaks there after having
    fallen below half of that peak.
    """
    held = finite(values)
    points = held[-4096:]
    rest = points - _slow(points)
    power = np.fft.rfft(rest - rest.mean(), 2 * rest.size)
    correlation = np.fft.irfft(power * np.conj(power))[: rest.size // 3 + 1]
    if correlation.size < 6 or correlation[0] <= 0:
        return Period(float("nan"), 0.0)
    # Fewer pairs overlap at longer lags; undo that, or long periods look weak.
    correlation = (
        correlation / correlation[0] * rest.size / (rest.size - np.arange(correlation.size))
    )
    inner = correlation[4:-1]
    peaks = 4 + np.flatnonzero((inner >= correlation[3:-2]) & (inner >= correlation[5:]))
    lowest = np.minimum.accumulate(correlation)
    peaks = peaks[(correlation[peaks] > 0) & (lowest[peaks] < 0.5 * correlation[peaks])]
    if not peaks.size:
        return Period(float("nan"), 0.0)
    best = int(peaks[np.argmax(correlation[peaks])])
    # Multiples of a period correlate as well: the shortest one that is nearly as strong is it.
    near = peaks[correlation[peaks] >= 0.9 * correlation[best]]
    shortest = int(near.min())
    return Period(float(shortest), float(np.clip(correlation[shortest], 0, 1)))


_SLOW = 512
"""Blocks over which the slow part of a long series is read: a moving median over a sixth of all
values costs a hundred times as much and says the same."""


def _slow(points: FloatArray) -> FloatArray:
    """Return the slow part of a series: a moving median over a sixth of it."""
    medians, width = blocks(points, _SLOW)
    middle = _moving_median(medians, max(5, medians.size // 6) | 1)
    if width == 1:
        return middle
    centres = points.size % width + (width - 1) / 2 + width * np.arange(medians.size)
    return np.asarray(np.interp(np.arange(points.size), centres, middle))


def spikes(values: FloatArray) -> float:
    """Return the share of values that lie more than eight deviations above their neighbours.

    The deviation is that of the 65 differences around: a loss is noisier where it is high.
    """
    held = finite(values)[-MAX_SPIKED:]
    above = held - _moving_median(held, _SPIKE_WINDOW)
    # Neighbours differ by sqrt(2) deviations; their median distance is 0.6745 of that.
    usual = _moving_median(np.abs(np.diff(held, append=held[-1])), 4 * _NEIGHBOURHOOD + 1)
    scale = np.maximum(usual / (0.6745 * 2**0.5), _LEAST_STEP * size_of(held))
    # At both ends the window is not centred, and a steep curve would look like a spike.
    inside = slice(_SPIKE_WINDOW // 2, -(_SPIKE_WINDOW // 2))
    return float(np.mean(above[inside] > _CLEAR * scale[inside]))


def _moving_median(values: FloatArray, width: int) -> FloatArray:
    width = min(width, values.size)
    middle = np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1)
    left = width // 2
    return np.pad(middle, (left, values.size - middle.size - left), mode="edge")


def backtrack(steps: IntArray) -> tuple[float, float]:
    """Return by how many steps the clock went back at most, and the step it went back to.

    (0, NaN) when it never did.
    """
    if steps.size < 2:
        return 0.0, float("nan")
    # As floats: the difference of two far steps does not fit an integer.
    back = steps[:-1].astype(np.float64) - steps[1:].astype(np.float64)
    best = int(np.argmax(back))
    return (float(back[best]), float(steps[best + 1])) if back[best] > 0 else (0.0, float("nan"))
