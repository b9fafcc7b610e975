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
from kb.run import Run, Series
from kb.signature import parse
from kb.signature.reducers import reduce_series
from kb.types import Entry, Scalar

MAX_RIVALS = 2
_PLATEAU = 1e-3
"""Smallest tolerance for a logged level: what rounding in a log leaves (DESIGN 2)."""
_LOG_EXCERPT = 8
"""From so many loss values on, words are a pasted log: enough for a median of its last quarter."""

OUTDONE = 0.1
"""What is left of a guess when another formula gives the same value without guessing."""

_QUANTITY = {
    "chance": "chance value",
    "collapse": "collapse value",
    "floor": "floor",
    "start": "starting value",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """An explanation of one number that an entry claims, with what else it could be.

    `rivals` are those of the `others` other explanations that are worth naming.
    """

    shown: str
    explanation: Explanation
    rivals: tuple[Explanation, ...]
    others: int
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
        surely = any(one.claim == "matched" for one in explained)
        for place, one in enumerate(explained):
            rivals = _rivals(one, explained)
            strength = _strength(one, place) * (OUTDONE if surely and one.claim != "matched" else 1)
            reading = Reading(shown, one, rivals, len(explained) - 1, strength)
            # One value may be two quantities, as chance and collapse of NT-Xent are.
            for form in (one.form, *one.also):
                for entry_id in claims.get((form.quantity, form.name), ()):
                    found.setdefault(entry_id, []).append(reading)
    return {name: sorted(ones, key=lambda one: -one.strength) for name, ones in found.items()}


def evidence_of(reading: Reading) -> Evidence:
    """Return the sentences: the formula, its parameters, its rivals and the coincidence."""
    one = reading.explanation
    form = f"{_formula(one, reading.shown)}, the {_QUANTITY[one.form.quantity]} of {one.form.name}"
    if one.claim == "matched":
        parameters = _parameters(one.parameters, " ")
        origin = "your words" if one.source_of_parameters == "query" else "the run's config"
        at = f" at {parameters} (from {origin})" if parameters else f" (method from {origin})"
        text = f"{reading.shown} is {form}{at}. {one.form.reading}"
    else:
        parameters = _parameters(one.parameters)
        at = f", if {parameters}" if parameters else ""
        others = f" {_others(reading)}" if reading.others else ""
        text = f"{reading.shown} would be {form}{at}. {one.form.reading}{others}"
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
    """Return (as shown, value, tolerance) of each loss, what the run logged first."""
    values: list[tuple[str, float, float]] = []
    series = run.series.get("loss") if run else None
    if series is not None and (level := _level(series, _PLATEAU)) is not None:
        values.append(level)
    said = understood.losses
    if len(said) >= _LOG_EXCERPT:
        # A pasted log: its plateau counts, not each value that it passed through.
        pasted = Series.from_values("loss", [number.value for number in said])
        level = _level(pasted, max(number.tolerance for number in said))
        return [*values, level] if level is not None else values
    return values + [
        (number.text, number.value, number.tolerance)
        for number in said
        if not any(abs(number.value - value) <= number.tolerance for _, value, _ in values)
    ]


def _level(series: Series, least: float) -> tuple[str, float, float] | None:
    level = reduce_series(series, "level")
    if level is None or not math.isfinite(level):
        return None
    noise = reduce_series(series, "noise") or 0.0
    error = 2 * noise / math.sqrt(max(len(series) / 4, 1)) if math.isfinite(noise) else 0.0
    return f"{level:.4g}", level, max(least, error)


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


def _formula(one: Explanation, shown_as: str = "") -> str:
    """Return `ln(2B - 1) = ln 63 = 4.143`: formula, the logarithm it is here, and the value."""
    shown = [one.form.formula.strip("[]")]
    factor = 2 if one.form.formula.startswith("2 *") else 1
    if 0.5 < one.expected / factor < 14:
        count = round(math.exp(one.expected / factor))
        if count > 1 and abs(factor * math.log(count) - one.expected) < 1e-9:
            shown.append(f"{'2 ' if factor == 2 else ''}ln {count}")
    value = f"{one.expected:.4g}"
    return " = ".join(dict.fromkeys(shown if value == shown_as else [*shown, value]))


def _others(reading: Reading) -> str:
    if not reading.rivals:
        return "Only starting values of untrained networks come as close."
    named = [
        f"{_formula(other)} of {other.form.name}"
        + (f" if {parameters}" if (parameters := _parameters(other.parameters)) else "")
        for other in reading.rivals
    ]
    return f"It could also be {', or '.join(named)}."


def _coincidence(probability: float) -> str:
    if probability < 0.005:
        return "A loss picked at random would hardly ever match this formula."
    return f"{probability:.0%} of losses picked at random match it at some usual setting."


def _parameters(parameters: Mapping[str, float], verb: str = " is ") -> str:
    shown = [f"{name}{verb}{number:g}" for name, number in parameters.items() if name != "gathered"]
    if "gathered" in parameters:
        shown.append("gathered over processes" if parameters["gathered"] else "per process")
    return " and ".join(shown) if len(shown) < 3 else ", ".join(shown)


def _plain(number: float) -> Scalar:
    return int(number) if number == int(number) else number
