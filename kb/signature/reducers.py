"""A series -> one number: level, trend, noise and shape that a few outliers do not move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kb.run import FloatArray, Series
from kb.signature import shape
from kb.signature.robust import (
    deviation,
    finite,
    head,
    median,
    size_of,
    tail,
    theil_sen,
    without_trend,
)

MIN_FOR_TREND = 8
"""Values below which a trend or its noise is a guess; such reducers are then unknown."""

MIN_FOR_SHAPE = 16
MIN_FOR_PERIOD = 32


@dataclass(frozen=True, slots=True)
class Reducer:
    """A reduction, how it is said, and how many finite values it needs at least.

    `on_plot` tells that a person reads it off a plot at a glance, in the metric's unit.
    """

    reduce: Callable[[Series], float]
    said: str
    least: int = 0
    on_plot: bool = False


def _relative_trend(values: FloatArray) -> float:
    return theil_sen(values) * (values.size - 1) / size_of(values)


def _noise(values: FloatArray) -> float:
    return deviation(without_trend(tail(values, 0.5)))


def _trend(values: FloatArray) -> float:
    late = tail(values, 0.5)
    noise = max(deviation(without_trend(late)), 1e-9 * size_of(late))
    return theil_sen(late) * (late.size - 1) / noise


def _last(values: FloatArray) -> float:
    return float(values[-1]) if values.size else float("nan")


def _pick(function: Callable[[FloatArray], np.float64]) -> Callable[[FloatArray], float]:
    def reduce(values: FloatArray) -> float:
        held = finite(values)
        return float(function(held)) if held.size else float("nan")

    return reduce


def _place(function: Callable[[FloatArray], np.intp]) -> Callable[[FloatArray], float]:
    def reduce(values: FloatArray) -> float:
        smooth = shape.smoothed(values)
        return shape.position(int(function(smooth)), smooth.size)

    return reduce


def _of(function: Callable[[FloatArray], float], said: str, least: int = 0) -> Reducer:
    return Reducer(lambda series: function(series.values), said, least)


def _read(function: Callable[[FloatArray], float], said: str) -> Reducer:
    return Reducer(lambda series: function(series.values), said, on_plot=True)


_TWICE = 2 * MIN_FOR_TREND

REDUCERS: dict[str, Reducer] = {
    "first": _read(_pick(lambda values: values[0]), "the first {}"),
    "last": _read(_last, "the last {}"),
    "min": _read(_pick(np.min), "the smallest {}"),
    "max": _read(_pick(np.max), "the largest {}"),
    "mean": _read(_pick(np.mean), "the mean {}"),
    "level": _read(lambda values: median(tail(values, 0.25)), "the recent {}"),
    "start": _read(lambda values: median(head(values, 0.1)), "the initial {}"),
    "low": _read(_pick(lambda v: np.min(shape.smoothed(v))), "the lowest stretch of {}"),
    "high": _read(_pick(lambda v: np.max(shape.smoothed(v))), "the highest stretch of {}"),
    "low_at": _of(_place(np.argmin), "the place of the lowest stretch of {} in the run", 3),
    "high_at": _of(_place(np.argmax), "the place of the highest stretch of {} in the run", 3),
    "rebound": _of(shape.rebound, "the rise after a fall of {}", 3),
    "slope": _of(
        lambda values: _relative_trend(tail(values, 0.5)),
        "the trend of {} in the second half",
        _TWICE,
    ),
    "drift": _of(lambda values: _relative_trend(finite(values)), "the trend of {}", MIN_FOR_TREND),
    "trend": _of(_trend, "the trend of {} in the second half over its noise", _TWICE),
    "noise": _of(_noise, "the noise of {}", _TWICE),
    "swing": _of(shape.swing, "the relative swing of {}", _TWICE),
    "spikes": _of(shape.spikes, "the share of spikes in {}", MIN_FOR_SHAPE),
    "period": _of(lambda values: shape.period(values).length, "the period of {}", MIN_FOR_PERIOD),
    "periodicity": _of(
        lambda values: shape.period(values).strength, "the periodicity of {}", MIN_FOR_PERIOD
    ),
    "jump_up": Reducer(
        lambda series: shape.jump(series, "up").size, "the jump upwards of {}", MIN_FOR_SHAPE
    ),
    "jump_up_step": Reducer(
        lambda series: shape.jump(series, "up").step, "the step where {} jumped up", MIN_FOR_SHAPE
    ),
    "jump_down": Reducer(
        lambda series: shape.jump(series, "down").size, "the jump downwards of {}", MIN_FOR_SHAPE
    ),
    "jump_down_step": Reducer(
        lambda series: shape.jump(series, "down").step,
        "the step where {} jumped down",
        MIN_FOR_SHAPE,
    ),
    "backtrack": Reducer(
        lambda series: shape.backtrack(series.steps)[0], "the steps by which {} went back"
    ),
    "backtrack_step": Reducer(
        lambda series: shape.backtrack(series.steps)[1], "the step to which {} went back"
    ),
    "nonfinite": _of(
        lambda values: float(np.mean(~np.isfinite(values))) if values.size else 0.0,
        "the share of NaN or infinite values of {}",
    ),
    "n": _of(lambda values: float(values.size), "the number of values of {}"),
}


ON_PLOT = tuple(name for name, one in REDUCERS.items() if one.on_plot)
"""Reducers that give a value of the metric as a plot shows it; the others need arithmetic."""


def reduce_series(series: Series, reducer: str) -> float | None:
    """Return the reduced value, or None when the series is too short for this reducer."""
    one = REDUCERS[reducer]
    if len(series) == 0 or int(np.isfinite(series.values).sum()) < one.least:
        return None
    # Values near the largest float overflow in differences; the result is then infinite or NaN.
    with np.errstate(all="ignore"):
        return one.reduce(series)
