"""Signs that a run is healthy. The absence of a fault is none: most logs show too little.

A run counts as healthy when nothing is wrong with its numbers *and* they show progress that a
collapsed or stuck run of that method could not show.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kb.method_names import kinds_of
from kb.run import FloatArray, Run, Series
from kb.signature.reducers import reduce_series
from kb.signature.robust import finite, head, jitter, tail

MIN_POINTS = 12
"""Values of the loss below which it tells no progress."""

MIN_PROBES = 4
"""The same for a probe, which is measured less often and averages over more images."""

CLEAR = 3.0
"""Deviations of the noise that a change must exceed to be one."""

_SMALL = 0.02
"""Least change of the loss, as a share of its first level."""

_MARGIN = 0.12
"""Least distance from the value of a collapsed run, as a share of the way there from the start."""

_PROBES = ("knn_acc", "online_acc", "lin_acc", "contrast_acc", "zs_acc")
_COLLAPSE_VALUE = {"simsiam": -1.0}
"""Losses whose optimum is also the value of a collapsed run, and not 0."""

_HIDDEN = frozenset({"distillation", "jepa"})
"""Kinds of method whose loss is at its best when everything has collapsed."""


@dataclass(frozen=True, slots=True)
class Health:
    """`signs` say what speaks for health, `missing` what would have to be known as well."""

    healthy: bool
    signs: tuple[str, ...]
    missing: tuple[str, ...]


def health_of(run: Run) -> Health:
    """Return the signs of health of a run in which no signature fired."""
    falls = _loss_falls(run)
    rises = [sign for look in _RISES if (sign := look(run))]
    progress = [falls, *rises] if falls else rises
    spread = [sign for look in _SPREADS if (sign := look(run))]
    missing: list[str] = []
    if not progress:
        missing.append(_no_progress(run))
    if _collapse_hides(run) and not spread and not rises:
        missing.append(
            "the loss of this method is at its best in a collapsed run: log the spread of the "
            "embeddings (z_std) or a kNN accuracy"
        )
    return Health(not missing, tuple(dict.fromkeys([*progress, *spread])), tuple(missing))


def _no_progress(run: Run) -> str:
    series = run.series.get("loss")
    if series is None:
        return "no training loss was found"
    if (count := int(finite(series.values).size)) < MIN_POINTS:
        values = "1 value" if count == 1 else f"{count} values"
        return f"the loss has {values}, expected at least {MIN_POINTS}"
    return "the loss shows no clear progress and no probe accuracy rises"


def _loss_falls(run: Run) -> str | None:
    series = run.series.get("loss")
    if series is None:
        return None
    values = finite(series.values)
    if values.size < MIN_POINTS:
        return None
    start, low, level = (_value(series, name) for name in ("start", "low", "level"))
    fallen = start - min(level, low)
    least = max(_uncertainty(values), 0.25 * fallen)
    if not (fallen > _SMALL * abs(start) and start - level > least):
        return None
    return f"the loss fell from {start:.4g} to {level:.4g}"


def _rises(metric: str) -> Callable[[Run], str | None]:
    def look(run: Run) -> str | None:
        series = run.series.get(metric)
        if series is None:
            return None
        values = finite(series.values)
        if values.size < MIN_PROBES:
            return None
        start, level = _value(series, "start"), _value(series, "level")
        if not level - start > max(_uncertainty(values), 0.05 * start):
            return None
        return f"{metric} rose from {start:.3g} to {level:.3g}"

    return look


def _uncertainty(values: FloatArray) -> float:
    """Return how far `start` and `level` of pure noise as large as that of `values` may differ."""
    both = sum(1 / part.size for part in (head(values, 0.1), tail(values, 0.25)))
    with np.errstate(all="ignore"):  # differences of the largest floats overflow
        noise = jitter(values)
    # The median of n values is 1.25 times as uncertain as their mean.
    return CLEAR * 1.25 * noise * math.sqrt(both)


def _value(series: Series, reducer: str) -> float:
    value = reduce_series(series, reducer)
    return math.nan if value is None else value


_RISES = tuple(_rises(metric) for metric in _PROBES)


def _unit_spread(run: Run) -> str | None:
    level = _level(run, "z_std")
    dim = run.config.get("dim")
    if level is None:
        return None
    if isinstance(dim, int | float) and dim > 0:
        share = level * math.sqrt(dim)
        return f"z_std is {share:.2f} of 1/sqrt(dim)" if share > 0.4 else None
    return f"z_std stays at {level:.3g}" if _stays(run, "z_std") and level > 0.004 else None


def _level_sign(metric: str, low: float, high: float) -> Callable[[Run], str | None]:
    def look(run: Run) -> str | None:
        level = _level(run, metric)
        return f"{metric} is {level:.3g}" if level is not None and low < level < high else None

    return look


def _rank_stays(run: Run) -> str | None:
    for metric in ("rankme_z", "rankme_h", "erank_z", "erank_h", "lidar"):
        level = _level(run, metric)
        if level is not None and level > 8 and _stays(run, metric):
            return f"{metric} is {level:.3g}"
    return None


def _entropy_between(run: Run) -> str | None:
    level = _level(run, "teacher_entropy")
    prototypes = run.config.get("prototypes")
    if level is None:
        return None
    most = math.log(prototypes) if isinstance(prototypes, int) and prototypes > 1 else math.inf
    return f"the teacher's entropy is {level:.3g}" if 0.1 < level < 0.97 * most else None


_SPREADS: tuple[Callable[[Run], str | None], ...] = (
    _unit_spread,
    _level_sign("collapse_level", -0.01, 0.6),
    _level_sign("raw_std", 0.2, 50.0),
    _level_sign("uniform", -8.0, -1.0),
    _level_sign("target_var", 0.05, 1e3),
    _rank_stays,
    _entropy_between,
)


def _collapse_hides(run: Run) -> bool:
    """Return whether this method's loss could look as it does in a collapsed run."""
    method = run.config.get("method")
    loss, start = _level(run, "loss"), _reduced(run, "loss", "start")
    if loss is None or start is None:
        return True
    name = method if isinstance(method, str) else ""
    kinds = frozenset(kinds_of(name)) if name else frozenset()
    if name and not kinds & _HIDDEN:
        return False
    optimum = _COLLAPSE_VALUE.get(name, -1.0 if loss < 0 else 0.0)
    return start <= optimum or (loss - optimum) / (start - optimum) < _MARGIN


def _stays(run: Run, metric: str) -> bool:
    high = _reduced(run, metric, "high")
    level = _level(run, metric)
    return high is not None and level is not None and level > 0.5 * high


def _level(run: Run, metric: str) -> float | None:
    return _reduced(run, metric, "level")


def _reduced(run: Run, metric: str, reducer: str) -> float | None:
    series = run.series.get(metric)
    value = None if series is None else reduce_series(series, reducer)
    return value if value is not None and math.isfinite(value) else None
