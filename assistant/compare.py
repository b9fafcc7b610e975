"""Where two runs part: the first step at which a metric of one leaves that of the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kb.run import FloatArray, IntArray, Run, Series
from kb.signature.robust import GAUSSIAN
from kb.types import Scalar

MIN_SHARED = 8
"""Shared values below which nothing is said about a metric."""

POINTS = 512
"""Places on the common clock at which two series are compared."""

CLEAR = 6.0
"""Deviations that the smoothed curves must be apart."""

_LEAST = 0.01
"""Least difference that counts, as a share of the larger value."""


@dataclass(frozen=True, slots=True)
class Parting:
    """One metric of two runs. `step` is where they part, None when they do not.

    `a` and `b` are the smoothed values there, or at the end when they do not part.
    """

    metric: str
    step: int | None
    a: float
    b: float
    deviations: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs: partings, the earliest first; settings that differ; metrics only one has."""

    partings: tuple[Parting, ...]
    settings: Mapping[str, tuple[Scalar | None, Scalar | None]]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    too_short: tuple[str, ...]


def compare(a: Run, b: Run) -> Comparison:
    """Return where and by which metric two runs part."""
    shared = [name for name in a.series if name in b.series and name not in ("step", "epoch")]
    partings: list[Parting] = []
    short: list[str] = []
    for name in shared:
        one = _parting(name, a.series[name], b.series[name])
        if one is None:
            short.append(name)
        else:
            partings.append(one)
    partings.sort(key=lambda one: (one.step is None, one.step or 0, -one.deviations, one.metric))
    names = sorted({*a.config, *b.config})
    return Comparison(
        tuple(partings),
        {
            name: (a.config.get(name), b.config.get(name))
            for name in names
            if a.config.get(name) != b.config.get(name)
        },
        tuple(sorted(set(a.series) - set(b.series))),
        tuple(sorted(set(b.series) - set(a.series))),
        tuple(short),
    )


def _parting(metric: str, a: Series, b: Series) -> Parting | None:
    first, second = _clocked(a), _clocked(b)
    low = max(first[0][0], second[0][0]) if first[0].size and second[0].size else 0
    high = min(first[0][-1], second[0][-1]) if first[0].size and second[0].size else -1
    inside = [int(((steps >= low) & (steps <= high)).sum()) for steps, _ in (first, second)]
    if min(inside) < MIN_SHARED:
        return None
    count = min(POINTS, *inside)
    clock = np.linspace(low, high, count)
    left, right = np.interp(clock, *first), np.interp(clock, *second)
    width = max(3, count // 24)
    noise = math.hypot(_noise(left), _noise(right))
    near, far = _smooth(left, width), _smooth(right, width)
    size = np.maximum(np.abs(near), np.abs(far))
    # The median of `width` values is 1.25 times as uncertain as their mean.
    scale = np.maximum(1.25 * noise / math.sqrt(width), _LEAST * size / CLEAR) + 1e-12
    apart = np.abs(near - far) / scale
    place = _lasting(apart > CLEAR, width)
    if place is None:
        return Parting(metric, None, float(near[-1]), float(far[-1]), float(apart[-1]))
    return Parting(
        metric, round(clock[place]), float(near[place]), float(far[place]), float(apart.max())
    )


def _clocked(series: Series) -> tuple[IntArray, FloatArray]:
    """Return the finite values by rising step; of a step logged twice the later value counts."""
    held = np.isfinite(series.values)
    steps, values = series.steps[held][::-1], series.values[held][::-1]
    kept, places = np.unique(steps, return_index=True)
    return kept, values[places]


def _noise(values: FloatArray) -> float:
    return GAUSSIAN * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2)


def _smooth(values: FloatArray, width: int) -> FloatArray:
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))


def _lasting(apart: np.ndarray[tuple[int], np.dtype[np.bool_]], width: int) -> int | None:
    """Return the first place from which most of the rest stays apart, None when there is none."""
    for place in np.flatnonzero(apart):
        rest = apart[place:]
        if rest[: 2 * width].all() and rest.mean() > 0.5:
            return int(place)
    return None
