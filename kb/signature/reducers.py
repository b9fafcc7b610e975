"""A series -> one number: level, trend and noise that a few outliers do not move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kb.run import FloatArray, Series

MIN_FOR_TREND = 8
"""Values below which a trend or its noise is a guess; such reducers are then unknown."""

MAX_POINTS = 96
"""Points a pairwise slope is taken over; longer series are first reduced to block medians."""


def _finite(values: FloatArray) -> FloatArray:
    return values[np.isfinite(values)]


def _tail(values: FloatArray, share: float) -> FloatArray:
    finite = _finite(values)
    return finite[-max(1, round(finite.size * share)) :]


def _head(values: FloatArray, share: float) -> FloatArray:
    finite = _finite(values)
    return finite[: max(1, round(finite.size * share))]


def _median(values: FloatArray) -> float:
    return float(np.median(values)) if values.size else float("nan")


def _theil_sen(values: FloatArray) -> float:
    """Return the median pairwise slope per position of `values`, shape (n,), n >= 2."""
    width = -(-values.size // MAX_POINTS)
    # Blocks of equal width; what does not fill one is left out at the old end.
    points = np.median(values[values.size % width :].reshape(-1, width), axis=1)
    left, right = np.triu_indices(points.size, 1)
    return float(np.median((points[right] - points[left]) / (right - left))) / width


def _relative_trend(values: FloatArray) -> float:
    if values.size < MIN_FOR_TREND:
        return float("nan")
    # Where the median happens to be 0, the typical size of a value stands in for it.
    size = max(abs(_median(values)), _median(np.abs(values)) * 1e-6, 1e-12)
    return _theil_sen(values) * (values.size - 1) / size


def _noise(values: FloatArray) -> float:
    tail = _tail(values, 0.5)
    if tail.size < MIN_FOR_TREND:
        return float("nan")
    trend = _theil_sen(tail) * np.arange(tail.size)
    residual = tail - trend
    # 1.4826 makes the median absolute deviation a standard deviation for Gaussian noise.
    return 1.4826 * float(np.median(np.abs(residual - np.median(residual))))


def _last(values: FloatArray) -> float:
    return float(values[-1]) if values.size else float("nan")


def _pick(function: Callable[[FloatArray], np.float64]) -> Callable[[FloatArray], float]:
    def reduce(values: FloatArray) -> float:
        finite = _finite(values)
        return float(function(finite)) if finite.size else float("nan")

    return reduce


REDUCERS: dict[str, Callable[[FloatArray], float]] = {
    "first": _pick(lambda values: values[0]),
    "last": _last,
    "min": _pick(np.min),
    "max": _pick(np.max),
    "mean": _pick(np.mean),
    "level": lambda values: _median(_tail(values, 0.25)),
    "start": lambda values: _median(_head(values, 0.1)),
    "slope": lambda values: _relative_trend(_tail(values, 0.5)),
    "drift": lambda values: _relative_trend(_finite(values)),
    "noise": _noise,
    "nonfinite": lambda values: float(np.mean(~np.isfinite(values))) if values.size else 0.0,
    "n": lambda values: float(values.size),
}

NEED_TREND = frozenset({"slope", "drift", "noise"})


def reduce_series(series: Series, reducer: str) -> float | None:
    """Return the reduced value, or None when the series is too short for this reducer."""
    if len(series) == 0 or (reducer in NEED_TREND and _too_short(series, reducer)):
        return None
    # Values near the largest float overflow in differences; the result is then infinite or NaN.
    with np.errstate(all="ignore"):
        return REDUCERS[reducer](series.values)


def _too_short(series: Series, reducer: str) -> bool:
    finite = _finite(series.values).size
    return finite < (MIN_FOR_TREND if reducer == "drift" else 2 * MIN_FOR_TREND)
