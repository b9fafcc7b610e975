"""How often each signature fires under each fault and in healthy runs, as counted on runs.

The counts come from `python -m benchmarks.fit_likelihoods`; nothing here is set by hand but how
much a count of few runs is trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]

SCHEMA = 1
PATH = Path(__file__).with_name("likelihoods.json")

_RARE = (0.2, 20.0)
"""Pseudo-counts of a signature on runs that it is not about: fires once in a hundred runs."""

_TRUST = 2.0
"""Runs that the expectation of a cell weighs as much as, before the cell's own counts."""

_CONSEQUENCE = 0.5
"""Expected rate at which an entry's signature fires under a fault that leads to it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many runs a signature fired on, of those that had the numbers it needs."""

    fired: int
    known: int


Row = Mapping[str, Counts]


@dataclass(frozen=True, eq=False)
class Likelihoods:
    """Rates of firing. `healthy` and each of `faults` map signed entries to their counts."""

    healthy: Row
    faults: Mapping[str, Row]

    def rates(
        self,
        hypotheses: Sequence[str],
        signed: Sequence[str],
        leads_to: Mapping[str, Sequence[str]],
    ) -> tuple[Float64s, Float64s]:
        """Return P(signature fires | fault), shape (hypotheses, signed), and in healthy runs.

        A cell with few runs leans on what is expected: the mean rate at which signatures find
        their own fault, a half for a consequence, and for all others how often the signature
        fires on other faults.
        """
        base = np.array([_rate(self._elsewhere(name), *_RARE) for name in signed])
        quiet = np.array([_rate(self.healthy.get(name, Counts(0, 0)), *_RARE) for name in signed])
        own = self._own_rate()
        rates = np.empty((len(hypotheses), len(signed)))
        for place, fault in enumerate(hypotheses):
            row = self.faults.get(fault, {})
            for column, name in enumerate(signed):
                expected = float(base[column])
                if name == fault:
                    expected = own
                elif name in leads_to.get(fault, ()):
                    expected = max(_CONSEQUENCE, expected)
                seen = row.get(name, Counts(0, 0))
                rates[place, column] = (seen.fired + _TRUST * expected) / (seen.known + _TRUST)
        return rates, quiet

    def _elsewhere(self, name: str) -> Counts:
        rows = [row[name] for fault, row in self.faults.items() if fault != name and name in row]
        return Counts(sum(one.fired for one in rows), sum(one.known for one in rows))

    def _own_rate(self) -> float:
        own = [row[fault] for fault, row in self.faults.items() if fault in row]
        return (sum(one.fired for one in own) + 1.0) / (sum(one.known for one in own) + 1.5)


@cache
def likelihoods() -> Likelihoods:
    """Return the counts that ship with the package, read once."""
    raw = json.loads(PATH.read_text(encoding="utf-8"))
    names: list[str] = raw["signed"]
    return Likelihoods(
        _row(names, raw["healthy"]),
        {fault: _row(names, row) for fault, row in raw["faults"].items()},
    )


def dump(likelihoods: Likelihoods, about: Mapping[str, object]) -> str:
    """Return the JSON text of counts, with what they were counted on."""
    rows = (likelihoods.healthy, *likelihoods.faults.values())
    names = sorted(frozenset[str]().union(*rows))
    content = {
        "schema": SCHEMA,
        "about": about,
        "signed": names,
        "healthy": _columns(names, likelihoods.healthy),
        "faults": {
            fault: _columns(names, row) for fault, row in sorted(likelihoods.faults.items())
        },
    }
    return json.dumps(content, separators=(",", ":")) + "\n"


def _row(names: Sequence[str], raw: Mapping[str, Sequence[int]]) -> Row:
    pairs = zip(names, raw["fired"], raw["known"], strict=True)
    return {name: Counts(fired, known) for name, fired, known in pairs if known}


def _columns(names: Sequence[str], row: Row) -> dict[str, list[int]]:
    held = [row.get(name, Counts(0, 0)) for name in names]
    return {"fired": [one.fired for one in held], "known": [one.known for one in held]}


def _rate(seen: Counts, fired: float, known: float) -> float:
    return (seen.fired + fired) / (seen.known + known + fired)
