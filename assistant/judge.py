"""Signatures over a run: which entries its numbers show, which they rule out, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assistant.answer import Check, Evidence
from kb.run import Run
from kb.signature import Clause, Reductions, Verdict, evaluate, parse
from kb.signature.reducers import REDUCERS
from kb.types import Entry, Scalar

MISSING = "missing: "
"""How the reason of a check begins that lacked numbers; their names follow."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry and what its signature says."""

    entry: Entry
    verdict: Verdict


def judge(entries: Iterable[Entry], run: Run) -> dict[str, Judged]:
    """Evaluate every signature of `entries` over `run`; entries without one are left out."""
    reductions = Reductions(run)
    return {
        entry.id: Judged(entry, evaluate(parse(entry.signature), run, reductions))
        for entry in entries
        if entry.signature
    }


def evidence_of(judged: Judged) -> list[Evidence]:
    """Return a line for each clause that held, with the numbers it used."""
    if judged.verdict.state != "fired":
        return []
    lines: list[Evidence] = []
    seen: set[str] = set()
    for clause in judged.verdict.clauses:
        if clause.state != "fired" or not clause.values or clause.text in seen:
            continue
        seen.add(clause.text)
        metric = any("." in name or "(" in name for name, _ in clause.values)
        text = f"In this run {_sentence(clause.values)}, so {clause.text}."
        lines.append(Evidence("metric" if metric else "config", text, dict(clause.values)))
    return lines


def checks(judged: Mapping[str, Judged]) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Return what was checked and what could not be, each with its reason."""
    checked: list[Check] = []
    unchecked: list[Check] = []
    for entry_id, one in sorted(judged.items()):
        verdict = one.verdict
        if verdict.state == "unknown":
            reason = f"{MISSING}{', '.join(verdict.missing)}"
            unchecked.append(Check(entry_id, "unknown", reason))
        else:
            checked.append(Check(entry_id, verdict.state, _reason(verdict)))
    return tuple(checked), tuple(unchecked)


def unknown_names(run: Run | None) -> tuple[Check, ...]:
    """Return a line for each logged name that the vocabulary does not know."""
    if run is None:
        return ()
    return tuple(
        Check(name, "unknown", "a metric the vocabulary does not know, so nothing uses it")
        for name in run.unknown
    )


def _reason(verdict: Verdict) -> str:
    deciding: list[Clause] = [one for one in verdict.clauses if one.state == verdict.state]
    shown = [f"{one.text}: {_shown(one.values)}" for one in deciding if one.values]
    return "; ".join(shown[:3])


def _shown(values: Iterable[tuple[str, Scalar]]) -> str:
    return ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in values
    )


def _sentence(values: Iterable[tuple[str, Scalar]]) -> str:
    """Return `z_std is 0.0001 and batch_size is 32`; reductions with one value are one."""
    said: dict[str, None] = {}
    by_metric: dict[str, dict[str, str]] = {}
    for name, value in values:
        metric, _, reducer = name.rpartition(".")
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        if reducer in REDUCERS and "(" not in name:
            by_metric.setdefault(metric, {})[reducer] = shown
        else:
            said[f"{name} is {shown}"] = None
    parts: dict[str, None] = {}
    for metric, reduced in by_metric.items():
        if len(set(reduced.values())) == 1 and set(reduced) <= _VALUES:
            parts[f"{metric} is {next(iter(reduced.values()))}"] = None
        else:
            for reducer, shown in reduced.items():
                parts[f"{REDUCERS[reducer].said.format(metric)} is {shown}"] = None
    *most, final = [*parts, *said]
    return f"{', '.join(most)} and {final}" if most else final


_VALUES = frozenset({"first", "last", "min", "max", "mean", "level", "start", "low", "high"})
"""Reductions in the metric's own unit: where all agree, the series is that one number."""
