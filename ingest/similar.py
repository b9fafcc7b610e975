"""Where a user's document meets the catalogue: near-duplicates, and advice that we refute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ingest.report import NearDuplicate, Refuted
from kb.corrections import Corrections
from kb.encoder import Vectors
from kb.store import Store
from kb.types import Document, Passage

NEAR_DUPLICATE = 0.72
"""Cosine of the best title or symptom pair from which two entries are worth reading together;
chosen on our own fix list and catalogue, where unrelated pairs stay below 0.6."""

_COMPARED = frozenset({"title", "symptom"})


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """The bundled vectors that user documents are compared with, loaded once per ingest."""

    entry_ids: tuple[str, ...]
    vectors: Vectors
    corrections: Corrections

    @classmethod
    def from_store(cls, store: Store, encoder: str) -> Catalogue:
        """Take titles and symptoms of every bundled entry, and every correction."""
        rowids, matrix = store.vectors(encoder)
        place = {int(rowid): number for number, rowid in enumerate(rowids)}
        stored = store.passages(store.rowids_of("title", "symptom"))
        held = [one for one in stored if one.rowid in place and one.passage.entry_id]
        vectors = np.array([matrix[place[one.rowid]] for one in held], dtype=np.float32)
        ids = tuple(str(one.passage.entry_id) for one in held)
        return cls(ids, vectors, Corrections.from_store(store, encoder))

    def near(self, document: Document, vectors: Vectors) -> tuple[NearDuplicate, ...]:
        """Return, for each entry of `document`, the catalogue entry that is near it, if any."""
        found: list[NearDuplicate] = []
        if not len(self.vectors) or not document.passages:
            return ()
        for entry in document.entries:
            rows = [
                number
                for number, passage in enumerate(document.passages)
                if passage.entry_id == entry.id and passage.kind in _COMPARED
            ]
            if not rows:
                continue
            cosines = vectors[rows] @ self.vectors.T
            best = int(cosines.max(axis=0).argmax())
            if cosines[:, best].max() >= NEAR_DUPLICATE:
                similarity = round(float(cosines[:, best].max()), 3)
                found.append(NearDuplicate(entry.id, self.entry_ids[best], similarity))
        return tuple(found)

    def refuted(self, passages: Iterable[Passage], vectors: Vectors) -> tuple[Refuted, ...]:
        """Return the passages that a correction covers."""
        found: list[Refuted] = []
        for passage, vector in zip(passages, vectors, strict=True):
            match = self.corrections.covering(passage, vector)
            if match is not None:
                shown = passage.text if len(passage.text) <= 160 else passage.text[:157] + "..."
                found.append(Refuted(passage.span.start, shown, match.truth, match.entry_id))
        return tuple(found)
