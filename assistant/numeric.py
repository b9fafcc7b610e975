"""Numbers that explain themselves: which formula gives the loss that the user typed or logged.

Entries claim formulas through their signatures: `chance(nt_xent)` in a signature is what
ties ln 63 to that entry, so nothing about any loss is written here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assistant.answer import Evidence
from assistant.understand import Understood
from kb.closed_forms import Explanation, explain_value
from kb.run import Run
from kb.signature import parse
from kb.signature.reducers import reduce_series
from kb.types import Entry, Scalar

MAX_RIVALS = 2
_PLATEAU = 1e-3
"""Smallest tolerance for a logged level: what rounding in a log leaves (DESIGN 2)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An explanation of one number that an entry claims, with what else it could be."""

    shown: str
    explanation: Explanation
    rivals: tuple[Explanation, ...]
    strength: float


def readings(
    understood: Understood, run: Run | None, entries: Iterable[Entry]
) -> dict[str, list[Reading]]:
    """Return, for each entry, the loss values that its formulas explain, best first.

    `strength` is 1 for a matched value and falls to 0 as the chance of coincidence and the
    number of better readings grow.
    """
    known: dict[str, Scalar] = {**understood.settings, **(run.config if run else {})}
    queried = frozenset(understood.settings) - frozenset(run.config if run else ())
    claims = _claims(entries)
    found: dict[str, list[Reading]] = {}
    for shown, value, tolerance in _values(understood, run):
        explained = explain_value(value, tolerance, known, queried=queried)
        for place, one in enumerate(explained):
            rivals = _rivals(one, explained)
            reading = Reading(shown, one, rivals, _strength(one, place))
            # One value may be two quantities, as chance and collapse of NT-Xent are.
            for form in (one.form, *one.also):
                for entry_id in claims.get((form.quantity, form.name), ()):
                    found.setdefault(entry_id, []).append(reading)
    return {name: sorted(ones, key=lambda one: -one.strength) for name, ones in found.items()}


def evidence_of(reading: Reading) -> Evidence:
    """Return the sentence: the formula, its parameters, its rivals and the coincidence."""
    one = reading.explanation
    formula = f"{_log(one.expected)}{one.form.formula}"
    parameters = _parameters(one.parameters)
    if one.claim == "matched":
        origin = "your words" if one.source_of_parameters == "query" else "the run's config"
        at = f" at {parameters}, from {origin}" if parameters else ""
        text = f"{reading.shown} is {formula}{at}: {one.form.reading}"
    else:
        at = f" if {parameters}" if parameters else ""
        text = f"{reading.shown} would be {formula}{at}: {one.form.reading}"
        if reading.rivals:
            text += f" It could also be {'; or '.join(_rival(other) for other in reading.rivals)}."
        text += f" {_coincidence(one.coincidence)}"
    values: dict[str, Scalar] = {"value": reading.shown, "expected": round(one.expected, 6)}
    values.update({name: _plain(number) for name, number in one.parameters.items()})
    values["form"] = f"{one.form.quantity}({one.form.name})"
    values["coincidence"] = round(one.coincidence, 4)
    return Evidence("number", text, values, one.claim)


def _claims(entries: Iterable[Entry]) -> dict[tuple[str, str], list[str]]:
    claims: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for constant in parse(entry.signature or "").constants:
            claims.setdefault(constant, []).append(entry.id)
    return claims


def _values(understood: Understood, run: Run | None) -> list[tuple[str, float, float]]:
    values = [(number.text, number.value, number.tolerance) for number in understood.losses]
    series = run.series.get("loss") if run else None
    if series is not None and len(series):
        level = reduce_series(series, "level")
        if level is not None and math.isfinite(level):
            noise = reduce_series(series, "noise") or 0.0
            error = 2 * noise / math.sqrt(max(len(series) / 4, 1)) if noise == noise else 0.0
            values.append((f"{level:.4g}", level, max(_PLATEAU, error)))
    return values


def _rivals(one: Explanation, explained: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """Return other readings worth naming: another loss, or the same at another setting."""
    others = [
        other
        for other in explained
        if other is not one and other.form.quantity != "start" and other.form.rarity < 2
    ]
    return tuple(others[:MAX_RIVALS])


def _strength(one: Explanation, place: int) -> float:
    if one.claim == "matched":
        return 1.0
    return 0.9 * (1 - min(one.coincidence, 1.0)) / (1 + place)


def _log(value: float) -> str:
    """Return `ln 63 = ` when the value is the logarithm of a whole number, else nothing."""
    if not 0.5 < value < 14:
        return ""
    count = round(math.exp(value))
    return f"ln {count} = " if count > 1 and abs(math.log(count) - value) < 1e-9 else ""


def _rival(one: Explanation) -> str:
    parameters = _parameters(one.parameters)
    return f"{_log(one.expected)}{one.form.formula}" + (f" with {parameters}" if parameters else "")


def _coincidence(probability: float) -> str:
    if probability < 0.005:
        return "A value picked at random would hardly ever match this formula."
    return (
        "A value picked at random would match this formula, at some usual setting, with "
        f"probability {probability:.0%}."
    )


def _parameters(parameters: Mapping[str, float]) -> str:
    shown = [
        f"{name} {number:g}" for name, number in parameters.items() if name != "gathered"
    ]
    if "gathered" in parameters:
        shown.append("gathered over processes" if parameters["gathered"] else "per process")
    return ", ".join(shown)


def _plain(number: float) -> Scalar:
    return int(number) if number == int(number) else number
