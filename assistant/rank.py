"""Words, numbers, method and run -> one score per entry, and probabilities from the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from assistant.features import ranker
from assistant.judge import Judged, fired_of
from assistant.knowledge import Knowledge
from assistant.numeric import Reading
from assistant.posterior import Weighed
from assistant.search import Found
from assistant.understand import Understood
from kb.method_names import kinds_of
from kb.types import Entry

METHOD_AGREES = 0.4
METHOD_CONTRADICTS = -1.0
NUMBER_MATCHED = 2.5
NUMBER_CANDIDATE = 2.0
"""Added to the logit of an entry. A choice: one strong clue in numbers outweighs the words, a
method alone does not."""

WORDS_BESIDE_A_RUN = 0.4
"""Weight of the words once a run shows a fault, a choice: they order what it shows and cannot
bury it. People describe a symptom; the run was measured."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry in the ranking. `unit` is its number in the index."""

    unit: int
    entry_id: str
    logit: float
    share: float
    passage: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Clues:
    """What besides the words speaks for or against entries.

    `by_run` holds the log likelihood ratio of each signed entry against a healthy run.
    """

    numbers: Mapping[str, Sequence[Reading]]
    judged: Mapping[str, Judged]
    by_run: Mapping[str, float] = field(default_factory=dict)
    weighed: Sequence[Weighed] = ()

    def names(self) -> tuple[str, ...]:
        """Return the entries that must be candidates whatever the words say."""
        return (*self.numbers, *fired_of(self.judged))


def rank(
    knowledge: Knowledge, understood: Understood, found: Found, clues: Clues
) -> list[Candidate]:
    """Return the candidates, best first; their shares sum to one."""
    units = found.matched.units
    if not len(units):
        return []
    index = knowledge.index
    names = [str(index.unit(int(unit)).entry_id) for unit in units]
    methods = {entry.id: entry.methods for entry in knowledge.bundled_entries}
    prior = np.array([ranker().prior_of(name) for name in names])
    logits = ranker().scale * (found.scores.astype(np.float64) + prior)
    if fired_of(clues.judged):
        logits *= WORDS_BESIDE_A_RUN
    for place, name in enumerate(names):
        logits[place] += method_clue(understood.methods, methods.get(name, ()))
        logits[place] += number_clue(clues.numbers.get(name, ()))
        logits[place] += clues.by_run.get(name, 0.0)
    shares = _softmax(logits)
    order = np.argsort(-logits, kind="stable")
    return [
        Candidate(
            int(units[place]),
            names[place],
            float(logits[place]),
            float(shares[place]),
            int(found.matched.best[place]),
            float(found.matched.best_cosine[place]),
        )
        for place in order
    ]


def method_clue(asked: Sequence[str], methods: Sequence[str]) -> float:
    if not asked or not methods or "any" in methods:
        return 0.0
    if any(name in methods for name in asked):
        return METHOD_AGREES
    wanted = frozenset[str]().union(*(kinds_of(name) for name in asked))
    held = frozenset[str]().union(*(kinds_of(name) for name in methods))
    return METHOD_CONTRADICTS if held and wanted and not wanted & held else 0.0


def number_clue(readings: Sequence[Reading]) -> float:
    best = max((one.strength for one in readings), default=0.0)
    return NUMBER_MATCHED if best >= 1 else NUMBER_CANDIDATE * best


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def told_apart(entry: Entry, others: Sequence[str]) -> list[tuple[str, str]]:
    """Return (neighbour, what decides) for neighbours of `entry` that rank beside it."""
    return [
        (neighbour.entry_id, neighbour.decided_by)
        for neighbour in entry.tell_apart
        if neighbour.entry_id in others
    ]
