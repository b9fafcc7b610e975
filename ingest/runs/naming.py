"""Logged names -> vocabulary names: one column for each metric, the rest kept with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from kb.errors import UsageError, nearest
from kb.run import FloatArray, Naming
from kb.vocabulary import vocabulary
from kb.vocabulary_rules import Resolution, Split

MOST_SHARE = 1.5
"""A share is at most 1, and noise of a smoothed one may exceed it a little; above this the values
are percent."""

HELD_OUT_FIRST = frozenset(
    "knn_acc online_acc lin_acc ft_acc seg_miou r_at_1 zs_acc nmi ari cluster_fscore "
    "cluster_acc".split()
)
"""Metrics that say how good the features are: of a training and a held-out version the held-out
one counts. `contrast_acc` is not among them, being the pretext task's own."""

_HELD_OUT = ("val", "test", "train")
_TRAINING = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A column that was read as a metric."""

    naming: Naming
    split: Split | None
    values: int

    def order(self) -> tuple[bool, int, int, bool, str]:
        """Return a key by which the column that counts for its metric comes first."""
        name = self.naming.logged_as
        return not self.naming.chosen, self.rank(), -self.values, name != self.naming.metric, name

    def rank(self) -> int:
        """Return the place of this split among those of the metric; no split is training."""
        order = _HELD_OUT if self.naming.metric in HELD_OUT_FIRST else _TRAINING
        return order.index(self.split or "train")


def name_columns(
    columns: Mapping[str, FloatArray],
    *,
    method: str | None = None,
    logger: str = "",
    chosen: Mapping[str, str] | None = None,
) -> tuple[Naming, ...]:
    """Return how each column is read, in the order of `columns`; at most one for each metric.

    `columns` has the values of each logged name, shape (n,), NaN and infinity included.
    `chosen` maps logged names to metrics and goes before the vocabulary. UsageError for a name
    that is not logged, for an unknown metric, and for two names chosen for one metric.
    """
    chosen = chosen or {}
    _check(chosen, columns)
    found = [
        _read(name, values, method, logger, chosen.get(name)) for name, values in columns.items()
    ]
    best: dict[str, _Candidate] = {}
    for one in found:
        metric = one.naming.metric
        if metric is not None:
            best[metric] = min(best.get(metric, one), one, key=_Candidate.order)
    return tuple(_kept(one, best) for one in found)


def _check(chosen: Mapping[str, str], columns: Mapping[str, FloatArray]) -> None:
    taken: dict[str, str] = {}
    for name, metric in chosen.items():
        if name not in columns:
            raise UsageError(f'"{name}" is not in the log{nearest(name, columns)}', where="--map")
        vocabulary().metric(metric)
        if metric in taken:
            raise UsageError(
                f'"{taken[metric]}" and "{name}" cannot both be {metric}', where="--map"
            )
        taken[metric] = name


def _read(
    name: str, values: FloatArray, method: str | None, logger: str, chosen: str | None
) -> _Candidate:
    found = vocabulary().resolve(name, method=method, logger=logger, values=values)
    if chosen is not None:
        scale = found.scale if found.metric == chosen else 1.0
        found = Resolution(chosen, (), found.split, "chosen by --map", scale)
    naming = Naming(
        name, found.metric, found.reason, found.candidates, found.scale, chosen is not None
    )
    return _Candidate(_in_unit(naming, values), found.split, values.size)


def _in_unit(naming: Naming, values: FloatArray) -> Naming:
    """Return the naming with percentages scaled to shares; a share above 1 is none."""
    if naming.metric is None or naming.scale != 1:
        return naming
    unit = vocabulary().metric(naming.metric).unit
    if not unit.startswith("share"):
        return naming
    finite = values[np.isfinite(values)]
    if not finite.size or float(finite.max()) <= MOST_SHARE:
        return naming
    if "percent" in unit or naming.chosen:
        reason = f"{naming.reason}; values above {MOST_SHARE} are percent"
        return replace(naming, reason=reason, scale=0.01)
    reason = f"values above {MOST_SHARE} are no {naming.metric}, which is a share"
    return replace(naming, metric=None, reason=reason, candidates=(naming.metric,))


def _kept(one: _Candidate, best: Mapping[str, _Candidate]) -> Naming:
    """Return the naming of a column, without its metric when another column has that."""
    metric = one.naming.metric
    winner = best.get(metric or "", one)
    if metric is None or winner is one:
        return one.naming
    reason = f"{metric} is read from {winner.naming.logged_as}, {_why(winner, one)}"
    return replace(one.naming, metric=None, reason=reason, candidates=(metric,))


def _why(winner: _Candidate, other: _Candidate) -> str:
    metric = winner.naming.metric or ""
    if winner.naming.chosen:
        return "chosen by --map"
    if winner.rank() != other.rank():
        split = winner.split or "train"
        return f"and splits are not mixed: the {split} one counts"
    if winner.values != other.values:
        return f"which has more values ({winner.values} against {other.values})"
    return "the vocabulary's own name" if winner.naming.logged_as == metric else "the first by name"
