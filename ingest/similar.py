"""Where a user's document meets the catalogue: near-duplicates, and advice that we refute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ingest.report import NearDuplicate, Refuted
from kb.corrections import Corrections
from kb.encoder import Vectors
from kb.store import Store
from kb.types import Document, Passage

NEAR_DUPLICATE = 0.62
"""Closeness from which two entries are worth reading together: the mean of their best pair of
title or symptom and of how well all of ours match on average. On 28 entries of foreign
documents the 13 pairs above it were right; the first wrong ones have 0.61 (one general
sentence that resembles a symptom)."""

MAX_SHOWN = 160
"""Characters of a passage that a report repeats."""

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
            cosines = vectors[rows] @ self.vectors.T  # (titles and symptoms, bundled ones)
            best, similarity = max(
                ((name, _closeness(cosines[:, columns])) for name, columns in self._columns()),
                key=lambda pair: pair[1],
            )
            if similarity >= NEAR_DUPLICATE:
                found.append(NearDuplicate(entry.id, best, round(similarity, 3)))
        return tuple(found)

    def _columns(self) -> Iterator[tuple[str, list[int]]]:
        """Yield each bundled entry with the rows of its title and symptoms."""
        columns: dict[str, list[int]] = {}
        for number, name in enumerate(self.entry_ids):
            columns.setdefault(name, []).append(number)
        yield from columns.items()

    def refuted(self, document: Document, vectors: Vectors) -> tuple[Refuted, ...]:
        """Return the passages that a correction covers, in the order of their lines.

        Of a paragraph and a line in it that make the same claim only the line is named.
        """
        found = [
            (passage, match)
            for passage, vector in zip(document.passages, vectors, strict=True)
            if (match := self.corrections.covering(passage, vector)) is not None
        ]
        return tuple(
            Refuted(passage.span.start, _shown(passage), match.truth, match.entry_id)
            for passage, match in found
            if not any(match.truth == other.truth and _holds(passage, one) for one, other in found)
        )


def _closeness(cosines: Vectors) -> float:
    """Return the mean of the best pair and of the best of each row, shape (rows, columns)."""
    each = cosines.max(axis=1)
    return float(each.max() + each.mean()) / 2


def _holds(outer: Passage, inner: Passage) -> bool:
    """Return whether one passage repeats a part of another."""
    spans = outer.span.start <= inner.span.start and inner.span.end <= outer.span.end
    return spans and len(inner.text) < len(outer.text)


def _shown(passage: Passage) -> str:
    text = " ".join(passage.text.split())
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
