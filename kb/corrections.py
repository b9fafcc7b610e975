"""Popular claims that catalogue entries refute, and whether a passage makes one of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kb.store import Store
from kb.tokens import tokenize
from kb.types import Passage, PassageKind

MIN_COSINE = 0.49
"""Least cosine between a passage and a claim that it makes. It only keeps chance agreement of
words out: right pairs of four foreign documents go down to 0.50 (`std_mean should be > 1.0`
under another heading), while advice about the same subject (`The official code has a
temperature of 0.1`) reaches 0.81."""

MIN_SCORE = 1.37
"""Least cosine plus agreement (see `_agreement`) from which a passage makes a claim. Of 54
true, neutral or opposite sentences in tests/data/corrected_claims.tsv the highest sum is 1.35,
of the passages of our own catalogue 1.26; of the 46 that make a claim 44 lie above it. In the
four foreign documents all 30 passages above it make the claim they are shown with. Chosen so
that what is shown is right, at the price of a miss."""

SHARED_NUMBER = 0.3
"""What a number in common adds: `batch size 128` says which claim about batches is meant."""

ASSERTING: frozenset[PassageKind] = frozenset(
    {"cause", "fix", "claim", "section", "expectation", "sign", "checklist", "evidence"}
)
"""Kinds of passage that assert or advise; a title, a symptom, a quotation or code does not."""

_DENYING = frozenset(tokenize("not no never without neither nor myth misconception wrong false"))
_NUMBER = re.compile(
    # Not the digits of a name such as bf16 or v1.2.3.
    r"(?<![\w.])(?>\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?!\.?\w)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\n|(?<=[.!?;])\s")


class _Statement(NamedTuple):
    """What a sentence says: its tokens, and the numbers that are no part of a name."""

    tokens: frozenset[str]
    numbers: frozenset[float]

    @classmethod
    def of(cls, text: str) -> _Statement:
        return cls(frozenset(tokenize(text)), frozenset(map(float, _NUMBER.findall(text))))


@dataclass(frozen=True, slots=True)
class Match:
    """The correction that covers a passage."""

    claim: str
    truth: str
    entry_id: str
    cosine: float


@dataclass(frozen=True, eq=False)
class Corrections:
    """Claims of shape (n,) with their unit vectors of shape (n, d)."""

    claims: tuple[str, ...]
    truths: tuple[str, ...]
    entry_ids: tuple[str, ...]
    vectors: npt.NDArray[np.float32]

    @classmethod
    def from_store(cls, store: Store, encoder: str) -> Corrections:
        """Collect every `corrects` of the bundled entries."""
        rowids, matrix = store.vectors(encoder)
        place = {int(rowid): number for number, rowid in enumerate(rowids)}
        stored = store.passages(store.rowids_of("correction"))
        held = [one for one in stored if one.rowid in place]
        vectors = np.array([matrix[place[one.rowid]] for one in held], dtype=np.float32)
        passages = [one.passage for one in held]
        return cls(
            tuple(passage.text for passage in passages),
            tuple(passage.attributes["truth"] for passage in passages),
            tuple(passage.entry_id or "" for passage in passages),
            vectors,
        )

    def covering(self, passage: Passage, vector: npt.NDArray[np.float32]) -> Match | None:
        """Return the correction that covers `passage`, whose unit vector has shape (d,)."""
        if passage.kind not in ASSERTING or not len(self.vectors):
            return None
        cosines = self.vectors @ vector.astype(np.float32)
        said = list(_statements(passage.text)) if cosines.max() >= MIN_COSINE else []
        best, best_score = -1, MIN_SCORE
        for number in np.flatnonzero(cosines >= MIN_COSINE).tolist():
            agreement = max((self._agreement(one, number) for one in said), default=0.0)
            if agreement and cosines[number] + agreement >= best_score:
                best, best_score = number, float(cosines[number] + agreement)
        if best < 0:
            return None
        return Match(
            self.claims[best], self.truths[best], self.entry_ids[best], float(cosines[best])
        )

    def _agreement(self, said: _Statement, number: int) -> float:
        """Return how far one statement says what a claim says, from 0 to 1.3.

        It is the harmonic mean of the shares of either that the other holds, rare words
        counting more; 0 when only one of them denies, or when their numbers differ.
        """
        claim = self._claimed[number]
        same = said.numbers & claim.numbers
        if said.numbers and claim.numbers and not same:
            return 0.0
        if bool(said.tokens & _DENYING) != bool(claim.tokens & _DENYING):
            return 0.0
        shared = self._weight(said.tokens & claim.tokens)
        total = self._weight(said.tokens) + self._weight(claim.tokens)
        return 2 * shared / total + (SHARED_NUMBER if same else 0.0) if shared else 0.0

    def _weight(self, tokens: frozenset[str]) -> float:
        common = self._claims_with
        return sum(math.log((len(self.claims) + 1) / (common[token] + 0.5)) for token in tokens)

    @cached_property
    def _claimed(self) -> tuple[_Statement, ...]:
        return tuple(map(_Statement.of, self.claims))

    @cached_property
    def _claims_with(self) -> Counter[str]:
        """Return in how many claims a token stands."""
        return Counter(token for claim in self._claimed for token in claim.tokens)


def _statements(text: str) -> Iterator[_Statement]:
    """Yield what each sentence and line of a text says, then all of it."""
    parts = [part for part in _SENTENCE_END.split(text) if part.strip()]
    for part in [*parts, text] if len(parts) > 1 else [text]:
        if (statement := _Statement.of(part)).tokens:
            yield statement
