"""Popular claims that catalogue entries refute, and whether a passage makes one of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kb.store import Store
from kb.tokens import tokenize
from kb.types import Passage, PassageKind

MIN_COSINE = 0.62
MIN_SHARED = 0.3
"""A passage makes a claim when their cosine reaches MIN_COSINE and it holds MIN_SHARED of the
claim's tokens: the first alone also takes passages that say the opposite about other things.
Chosen on hand-marked passages, see docs/decisions.md."""

ASSERTING: frozenset[PassageKind] = frozenset(
    {"cause", "fix", "claim", "section", "expectation", "sign", "checklist", "evidence", "symptom"}
)
"""Kinds of passage that assert or advise; a title, a quotation or code does not."""


@dataclass(frozen=True, slots=True)
class Match:
    """The correction that covers a passage."""

    claim: str
    truth: str
    entry_id: str
    cosine: float


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Claims of shape (n,) with their unit vectors of shape (n, d)."""

    claims: tuple[str, ...]
    truths: tuple[str, ...]
    entry_ids: tuple[str, ...]
    tokens: tuple[frozenset[str], ...]
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
            tuple(frozenset(tokenize(passage.text)) for passage in passages),
            vectors,
        )

    def covering(self, passage: Passage, vector: npt.NDArray[np.float32]) -> Match | None:
        """Return the correction that covers `passage`, whose unit vector has shape (d,)."""
        if passage.kind not in ASSERTING or not len(self.vectors):
            return None
        cosines = self.vectors @ vector.astype(np.float32)
        said = frozenset(tokenize(passage.text))
        for number in np.argsort(-cosines)[:3]:
            if cosines[number] < MIN_COSINE:
                return None
            shared = len(said & self.tokens[number]) / max(len(self.tokens[number]), 1)
            if shared >= MIN_SHARED:
                return Match(
                    self.claims[number],
                    self.truths[number],
                    self.entry_ids[number],
                    float(cosines[number]),
                )
        return None
