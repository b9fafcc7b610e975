"""Where two runs part: the first step at which a metric of one leaves that of the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from assistant.answer import plain_types
from kb.run import FloatArray, IntArray, Run, Series
from kb.signature.robust import jitter
from kb.types import Scalar

MIN_SHARED = 8
"""Shared values below which nothing is said about a metric."""

POINTS = 512
"""Places on the common clock at which two series are compared."""

CLEAR = 6.0
"""Deviations that the smoothed curves must be apart."""

_WINDOWS = 8
"""Windows from which their own noise can be told."""

_LEAST = 0.01
"""Least difference that counts, as a share of the larger value."""


@dataclass(frozen=True, slots=True)
class Parting:
    """One metric of two runs. `step` is where they part, None when they do not.

    `a` and `b` are the smoothed values there, or at the end when they do not part; NaN for the
    one that stops being finite there.
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

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        plain = plain_types(self)
        assert isinstance(plain, dict)
        return plain


def compare(a: Run, b: Run) -> Comparison:
    """Return where and by which metric two runs part."""
    shared = [name for name in a.series if name in b.series and name not in ("step", "epoch")]
    partings: list[Parting] = []
    short: list[str] = []
    for name in shared:
        with np.errstate(all="ignore"):  # differences of the largest floats overflow
            one = _parting(name, a.series[name], b.series[name])
        if one is None:
            short.append(name)
        else:
            partings.append(one)
    partings.sort(key=_order)
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
    """Return where the curves come apart or one breaks, whichever is first."""
    found = [one for one in (_apart(metric, a, b), _broken(metric, a, b)) if one is not None]
    return min(found, key=_order, default=None)


def _order(one: Parting) -> tuple[bool, int, float, str]:
    return one.step is None, one.step or 0, -one.deviations, one.metric


def _broken(metric: str, a: Series, b: Series) -> Parting | None:
    """Return where one series stops being finite while the other goes on."""
    ends = [_breaks_at(one) for one in (a, b)]
    known = [step for step in ends if step is not None]
    if not known or ends[0] == ends[1]:
        return None
    step = min(known)
    steps, values = _clocked(b if ends[0] == step else a)
    if not steps.size or steps[-1] < step:
        return None
    held = float(values[max(int(np.searchsorted(steps, step, "right")) - 1, 0)])
    left, right = (math.nan, held) if ends[0] == step else (held, math.nan)
    return Parting(metric, step, left, right, math.inf)


def _breaks_at(series: Series) -> int | None:
    """Return the step from which most values are NaN or infinite, None when there is none.

    A single one is none: a loss scaler overflows now and then by design.
    """
    broken = ~np.isfinite(series.values)
    share = np.cumsum(broken[::-1])[::-1] / np.arange(broken.size, 0, -1)
    places = np.flatnonzero(broken & (share > 0.5))
    return int(series.steps[places[0]]) if places.size else None


def _apart(metric: str, a: Series, b: Series) -> Parting | None:
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
    near, far = _smooth(left, width), _smooth(right, width)
    size = np.maximum(np.abs(near), np.abs(far))
    scale = np.maximum(_wander(left, right, width), _LEAST * size / CLEAR) + 1e-12
    apart = np.abs(near - far) / scale
    place = _lasting(apart > CLEAR, width)
    if place is None:
        return Parting(metric, None, float(near[-1]), float(far[-1]), float(apart[-1]))
    # A window that is apart parts in its middle; the first one may be so from its beginning.
    step = clock[place + width // 2] if place else clock[0]
    return Parting(metric, round(step), float(near[place]), float(far[place]), float(apart.max()))


def _clocked(series: Series) -> tuple[IntArray, FloatArray]:
    """Return the finite values by rising step; of a step logged twice the later value counts."""
    held = np.isfinite(series.values)
    steps, values = series.steps[held][::-1], series.values[held][::-1]
    kept, places = np.unique(steps, return_index=True)
    return kept, values[places]


def _wander(left: FloatArray, right: FloatArray, width: int) -> float:
    """Return how far smoothed curves of `left` and `right` come apart by noise alone.

    From value to value, and from window to window, since noise that lasts shows there only.
    """
    # The median of `width` values is 1.25 times as uncertain as their mean.
    quick = 1.25 * math.hypot(jitter(left), jitter(right)) / math.sqrt(width)
    windows = _smooth(left - right, width)[::width]
    return max(quick, jitter(windows)) if windows.size >= _WINDOWS else quick


def _smooth(values: FloatArray, width: int) -> FloatArray:
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(values, width), axis=1))


def _lasting(apart: np.ndarray[tuple[int], np.dtype[np.bool_]], width: int) -> int | None:
    """Return the first place from which most of the rest stays apart, None when there is none.

    What begins in the last `width` places has not stayed so yet.
    """
    for place in np.flatnonzero(apart[: 1 - width]):
        rest = apart[place:]
        if rest[: 2 * width].all() and rest.mean() > 0.5:
            return int(place)
    return None
