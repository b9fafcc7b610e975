"""From a logged constant back to its formula: which loss, at which parameters, and how sure.

Any number above 3 is near the logarithm of some integer, so only parameters that the run or
the query states can make a match; all else is a candidate with its chance of coincidence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from kb.closed_forms.base import ClosedForm
from kb.closed_forms.candidates import Option, Table, coverage, numbers, table
from kb.closed_forms.registry import forms
from kb.run import FloatArray
from kb.types import Scalar

Claim = Literal["matched", "candidate"]
Source = Literal["config", "query", "round values"]

_USUAL_LOSSES = (-1.0, 12.0)
"""Where logged losses mostly lie; stretched to twice the value for larger ones. Only the
scale of `coincidence` depends on it."""

_QUANTITY_COST = {"chance": 0, "collapse": 0, "floor": 1, "start": 2}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reading of a logged value.

    `expected` is in the units of the loss. `parameters` reproduces it through `form.value`;
    beside them `gathered` is 1 when the batch is that of all `world_size` processes together
    and 0 when each process has its own. `coincidence` is the probability that an arbitrary
    loss value would match this form within the tolerance: under the known parameters when
    they are all known, else under any of the round values tried. `also` holds the same
    loss's other forms with this value, such as the collapse beside the chance of NT-Xent.
    """

    form: ClosedForm
    parameters: Mapping[str, float]
    expected: float
    claim: Claim
    source_of_parameters: Source
    coincidence: float
    also: tuple[ClosedForm, ...] = ()


@dataclass(frozen=True, slots=True)
class _Query:
    value: float
    tolerance: float
    known: Mapping[str, float]
    method: str | None
    method_is_known_by: Source
    queried: Collection[str]

    def agreement(self, form: ClosedForm) -> int:
        """Return 0 when the method uses this loss, 2 when it uses another, 1 if not known."""
        if self.method is None:
            return 1
        return 0 if self.method in form.methods else 2


def explain_value(
    value: float,
    tolerance: float,
    known: Mapping[str, Scalar],
    method: str | None = None,
    *,
    queried: Collection[str] = (),
) -> tuple[Explanation, ...]:
    """Return the readings of `value`, best first; empty when nothing is within `tolerance`.

    `known` holds config names with their values; `queried` names those of them that the user
    typed rather than the config. A method that no form knows counts as not given. Without
    any parameter to check, a constant such as ln 2 is matched only through the method.
    Never raises; a value or tolerance that is not finite explains nothing.
    """
    if not (math.isfinite(value) and math.isfinite(tolerance)) or tolerance < 0:
        return ()
    named = method if method is not None else known.get("method")
    query = _Query(
        value,
        # Slack for the last bit, so that 4.145 - 4.14 still counts as 0.005.
        tolerance * (1 + 1e-9) + 1e-12 * max(1.0, abs(value)),
        numbers(known),
        _known_method(named),
        "config" if "method" in known and "method" not in queried else "query",
        queried,
    )
    found = [one for form in _distinct_forms() for one in _readings(form, query)]
    found.sort(key=lambda pair: pair[0])
    return _without_repeats(one for _, one in found)


_Rank = tuple[bool, int, int, float, float]


def _readings(form: ClosedForm, query: _Query) -> list[tuple[_Rank, Explanation]]:
    candidates = table(form, query.known)
    rows = candidates.near(query.value, query.tolerance)
    if not rows:
        return []
    sure = [i for i in rows if all(option.known for option in candidates.rows[i])]
    if sure:
        coincidence = _coincidence(candidates.known, query)
        return [_reading(form, candidates, i, coincidence, query) for i in sure]
    # One guess per form: several would only repeat that the form fits anything.
    best = min(rows, key=lambda i: _row_order(candidates, i, query.value))
    return [_reading(form, candidates, best, _coincidence(candidates.values, query), query)]


def _row_order(candidates: Table, row: int, value: float) -> tuple[int, int, float]:
    options = candidates.rows[row]
    guesses = sum(not option.known for option in options)
    cost = sum(option.cost for option in options)
    return guesses, cost, abs(float(candidates.values[row]) - value)


def _reading(
    form: ClosedForm, candidates: Table, row: int, coincidence: float, query: _Query
) -> tuple[_Rank, Explanation]:
    options = candidates.rows[row]
    expected = float(candidates.values[row])
    agreement = query.agreement(form)
    stated = all(option.known for option in options)
    matched = stated and (agreement == 0 or (agreement == 1 and bool(options)))
    explanation = Explanation(
        form,
        _parameters(form, options),
        expected,
        "matched" if matched else "candidate",
        _source(form, options, agreement, query),
        coincidence,
        _distinct_forms()[form],
    )
    _, cost, error = _row_order(candidates, row, query.value)
    simplicity = form.rarity + _QUANTITY_COST[form.quantity] + cost
    return (not matched, agreement, simplicity, coincidence, error), explanation


def _parameters(form: ClosedForm, options: tuple[Option, ...]) -> dict[str, float]:
    extras = {name: value for option in options for name, value in option.extras}
    return dict(zip(form.arguments, (option.value for option in options), strict=True)) | extras


def _source(form: ClosedForm, options: tuple[Option, ...], agreement: int, query: _Query) -> Source:
    if not options:
        return query.method_is_known_by if agreement == 0 else "round values"
    if not all(option.known for option in options):
        return "round values"
    names = {*form.arguments, *(name for option in options for name, _ in option.extras)}
    return "query" if names & set(query.queried) else "config"


def _coincidence(values: FloatArray, query: _Query) -> float:
    low, high = _USUAL_LOSSES
    low, high = min(low, 2 * query.value), max(high, 2 * query.value)
    return coverage(values, query.tolerance, low, high)


def _without_repeats(ranked: Iterable[Explanation]) -> tuple[Explanation, ...]:
    """Return each value of a loss once, under its best-ranked convention and quantity."""
    kept: dict[tuple[str, float], Explanation] = {}
    for one in ranked:
        key = one.form.loss, round(one.expected, 9)
        best = kept.setdefault(key, one)
        # SupCon at t = 0.07 equals NT-Xent as well, but that takes a parameter more.
        if best is not one and set(one.form.arguments) <= set(best.form.arguments):
            kept[key] = replace(best, also=(*best.also, one.form, *one.also))
    return tuple(kept.values())


@cache
def _distinct_forms() -> dict[ClosedForm, tuple[ClosedForm, ...]]:
    """Return each computation's first form with the other quantities that share it."""
    shared: dict[tuple[str, int], list[ClosedForm]] = {}
    for one in forms():
        shared.setdefault((one.name, id(one.compute)), []).append(one)
    return {first: tuple(others) for first, *others in shared.values()}


@cache
def _methods() -> frozenset[str]:
    return frozenset(method for one in forms() for method in one.methods)


def _known_method(name: Scalar | None) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", str(name).lower())
    return plain if plain in _methods() else None
