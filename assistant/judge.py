"""Signatures over a run: which entries its numbers show, which they rule out, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assistant.answer import Check, Evidence
from assistant.clauses import said, shown
from kb.run import Run
from kb.signature import Clause, Reductions, State, Verdict, evaluate, parse
from kb.signature.reducers import ON_PLOT
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


def states_of(judged: Mapping[str, Judged]) -> dict[str, State]:
    """Return what each signature says, by entry."""
    return {name: one.verdict.state for name, one in judged.items()}


def fired_of(judged: Mapping[str, Judged]) -> list[str]:
    """Return the entries whose signatures fired."""
    return [name for name, state in states_of(judged).items() if state == "fired"]


def evidence_of(judged: Judged) -> list[Evidence]:
    """Return a line for each clause that held, with the numbers it used, the telling ones first.

    Clauses about the method, about how many values there are, and that only keep a ratio from
    meaning nothing say nothing of what is wrong.
    """
    if judged.verdict.state != "fired":
        return []
    lines: list[Evidence] = []
    seen: set[str] = set()
    for clause in judged.verdict.clauses:
        names = [name for name, _ in clause.values]
        if clause.state != "fired" or clause.text in seen:
            continue
        if all(map(_preliminary, names)) or _GUARD.fullmatch(clause.text):
            continue
        seen.add(clause.text)
        metric = any("." in name or "(" in name for name in names)
        lines.append(Evidence("metric" if metric else "config", said(clause), dict(clause.values)))
    return sorted(lines, key=lambda one: one.kind == "config")


def _preliminary(name: str) -> bool:
    return name == "method" or name.endswith((".n", "_at")) or name in _CLOCK


_GUARD = re.compile(rf"\w+\.(?:{'|'.join(ON_PLOT)}) >=? 0")
"""A value above 0: what a ratio of it needs."""

_CLOCK = frozenset(f"{clock}.{end}" for clock in ("epoch", "step") for end in ("first", "last"))


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
    told = [f"{one.text}: {_shown(one.values)}" for one in deciding if one.values]
    return "; ".join(told[:3]) or "what it looks at was not logged"


def _shown(values: Iterable[tuple[str, Scalar]]) -> str:
    return ", ".join(f"{name} = {shown(value)}" for name, value in values)
