"""Level, trend and noise of a few values, as medians, so that outliers do not move them."""

from __future__ import annotations

import math

import numpy as np

from kb.run import FloatArray

MAX_POINTS = 96
"""Points a pairwise slope is taken over; longer series are first reduced to block medians."""

GAUSSIAN = 1.4826
"""Makes the median absolute deviation a standard deviation for Gaussian noise."""


def finite(values: FloatArray) -> FloatArray:
    """Return the finite ones of `values`, shape (n,), in order."""
    return values[np.isfinite(values)]


def tail(values: FloatArray, share: float) -> FloatArray:
    """Return the last `share` of the finite values, at least one where there is one."""
    held = finite(values)
    return held[-max(1, round(held.size * share)) :]


def head(values: FloatArray, share: float) -> FloatArray:
    """Return the first `share` of the finite values, at least one where there is one."""
    held = finite(values)
    return held[: max(1, round(held.size * share))]


def median(values: FloatArray) -> float:
    """Return the median, NaN for no values."""
    return float(np.median(values)) if values.size else float("nan")


def deviation(values: FloatArray) -> float:
    """Return the robust standard deviation around the median, NaN for no values."""
    return GAUSSIAN * median(np.abs(values - median(values)))


def jitter(values: FloatArray) -> float:
    """Return the noise of neighbouring values, shape (n,), n >= 3, as a standard deviation.

    Taken from second differences, so that neither a trend nor a slow curve counts as noise.
    """
    return GAUSSIAN * median(np.abs(np.diff(values, 2))) / math.sqrt(6)


def size_of(values: FloatArray) -> float:
    """Return the typical size of a value, above 0; where the median is 0, what stands in for it."""
    return max(abs(median(values)), median(np.abs(values)) * 1e-6, 1e-12)


def blocks(values: FloatArray, most: int) -> tuple[FloatArray, int]:
    """Return at most `most` medians of equal blocks of `values`, shape (n,), and their width.

    What does not fill a block is left out at the old end.
    """
    width = max(1, -(-values.size // most))
    return np.median(values[values.size % width :].reshape(-1, width), axis=1), width


def theil_sen(values: FloatArray) -> float:
    """Return the median pairwise slope per position of `values`, shape (n,), n >= 2."""
    points, width = blocks(values, MAX_POINTS)
    left, right = np.triu_indices(points.size, 1)
    return float(np.median((points[right] - points[left]) / (right - left))) / width


def without_trend(values: FloatArray) -> FloatArray:
    """Return `values`, shape (n,), n >= 2, less their straight trend."""
    return np.asarray(values - theil_sen(values) * np.arange(values.size))
