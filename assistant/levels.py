"""The values a metric is read against: chance, collapse and floor under the run's own config."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from assistant.answer import plain_types
from kb.closed_forms import explain_value, forms
from kb.closed_forms.base import QUANTITIES, ClosedForm, as_positive
from kb.errors import UsageError
from kb.run import Run, Series
from kb.signature.reducers import reduce_series
from kb.types import Scalar

_SHOWN = ("chance", "collapse", "floor")
"""Quantities that stay true all through a run; `start` holds for its first steps only."""

_LEAST = 1e-3
"""Least tolerance at which a plateau is recognised, as in DESIGN of explained numbers."""


@dataclass(frozen=True, slots=True)
class Level:
    """A value that a metric is read against.

    `kinds` are the quantities that have this value, such as chance and collapse of NT-Xent;
    `value` is in the metric's unit, `formula` in the symbols of the closed form, `reading` says
    what a run shows that stays there.
    """

    kinds: tuple[str, ...]
    value: float
    formula: str
    reading: str

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        plain = plain_types(self)
        assert isinstance(plain, dict)
        return plain

    @property
    def label(self) -> str:
        """Return the words for a line in a chart, such as `chance = collapse 4.143`."""
        return f"{' = '.join(self.kinds)} {self.value:.4g}"


def levels_of(run: Run) -> dict[str, tuple[Level, ...]]:
    """Return the levels of each metric of `run` that follow from its config.

    A loss has them when the method is known and its formula's settings are; of the scales in
    which implementations log it, the one that the run's own plateau matches is taken.
    """
    found = {name: _merged(_of_metric(name, run.config)) for name in run.series}
    if "loss" in run.series:
        found["loss"] = _merged(_of_loss(run.series["loss"], run.config))
    return {name: levels for name, levels in found.items() if levels}


def _of_loss(series: Series, config: Mapping[str, Scalar]) -> Iterator[Level]:
    method = re.sub(r"[^a-z0-9]", "", str(config.get("method", "")).lower())
    ours = [form for form in forms() if method and method in form.methods]
    if not ours:
        return
    chosen = _logged_as(series, config, ours)
    name, known = chosen if chosen is not None else (ours[0].loss, config)
    for form in ours:
        if form.name == name and form.quantity in _SHOWN:
            try:
                value = form.value(**known)
            except (UsageError, ValueError):
                continue
            if math.isfinite(value):
                yield Level((form.quantity,), value, form.formula, form.reading)


def _logged_as(
    series: Series, config: Mapping[str, Scalar], ours: list[ClosedForm]
) -> tuple[str, Mapping[str, Scalar]] | None:
    """Return the variant that the plateau matches, with the parameters under which it does."""
    level, noise = reduce_series(series, "level"), reduce_series(series, "noise")
    if level is None or not math.isfinite(level):
        return None
    error = 2 * (noise or 0.0) / math.sqrt(max(len(series) / 4, 1))
    tolerance = max(_LEAST, error if math.isfinite(error) else 0.0)
    for one in explain_value(level, tolerance, config):
        if one.claim == "matched" and any(form.name == one.form.name for form in ours):
            return one.form.name, {**config, **one.parameters}
    return None


def _of_metric(name: str, config: Mapping[str, Scalar]) -> Iterator[Level]:
    for kind, setting, compute, formula, reading in _METRICS.get(name, ()):
        number = as_positive(config.get(setting, 0)) if setting else 1.0
        if number is not None:
            yield Level((kind,), compute(number), formula, reading)


_Row = tuple[str, str | None, Callable[[float], float], str, str]

_ACCURACY: tuple[_Row, ...] = (
    ("chance", "classes", lambda c: 1 / c, "1/C", "The features say nothing of the class."),
)
_ENTROPY: tuple[_Row, ...] = (
    ("uniform", "prototypes", math.log, "ln K", "Every image gets all prototypes alike."),
    ("collapse", None, lambda _: 0.0, "0", "Every image gets one prototype."),
)
_METRICS: dict[str, tuple[_Row, ...]] = {
    "z_std": (
        ("isotropic", "dim", lambda d: d**-0.5, "1/sqrt(D)", "Embeddings fill the sphere evenly."),
        ("collapse", None, lambda _: 0.0, "0", "All embeddings are the same."),
    ),
    "collapse_level": (("collapse", None, lambda _: 1.0, "1", "All embeddings are the same."),),
    "knn_acc": _ACCURACY,
    "lin_acc": _ACCURACY,
    "online_acc": _ACCURACY,
    "teacher_entropy": _ENTROPY,
}
"""Kind, setting it needs, value, formula and reading; from the units and healthy ranges in
kb/vocabulary.yaml."""


def _merged(levels: Iterator[Level]) -> tuple[Level, ...]:
    """Return one level for each value, its quantities in their usual order, by rising value."""
    order: dict[str, int] = {kind: place for place, kind in enumerate(QUANTITIES)}
    kept: dict[float, Level] = {}
    for level in sorted(levels, key=lambda one: order.get(one.kinds[0], len(order))):
        value = next((one for one in kept if math.isclose(one, level.value, rel_tol=1e-9)), None)
        if value is None:
            kept[level.value] = level
        else:
            first = kept[value]
            kinds = (*first.kinds, *level.kinds)
            kept[value] = Level(kinds, first.value, first.formula, first.reading)
    return tuple(kept[value] for value in sorted(kept))
