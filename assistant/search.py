"""The words of a query -> candidate entries with their features, and loose passages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assistant.features import Float32s, Int64s, Matched, match, query_tokens, ranker
from assistant.knowledge import Knowledge
from assistant.understand import Understood
from kb.store_records import KIND_CODES

DENSE_K = 128
LEXICAL_K = 64
"""Passages and units that reach exact scoring; at 48 entries that is nearly all of them."""

_LOOSE = np.array(
    [
        KIND_CODES[kind]
        for kind in (
            "section", "formula", "table", "quote", "note", "claim", "checklist", "sign",
            "expectation", "evidence", "code", "cause", "fix", "symptom",
        )
    ],
    dtype=np.int8,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Loose:
    """A passage of no entry: its number in the index and how well it fits."""

    passage: int
    cosine: float
    words: float


@dataclass(frozen=True, eq=False)
class Found:
    """What the search brings to the ranking. `units` numbers entries in the index."""

    vector: Float32s
    adapted: Float32s
    tokens: Mapping[str, float]
    matched: Matched
    loose: tuple[Loose, ...]

    @cached_property
    def scores(self) -> Float32s:
        """Return the weighted sum of the features, shape (units,)."""
        return self.matched.values @ ranker().weights


def search(knowledge: Knowledge, understood: Understood, also: Iterable[str] = ()) -> Found:
    """Find candidates by meaning and by words; entries in `also` are candidates regardless."""
    index, encoder = knowledge.index, knowledge.encoder
    vector = encoder.encode([understood.positive_text])[0]
    adapted = ranker().adapt(vector, encoder.identity)
    tokens = query_tokens(understood.positive_text)
    passages, cosines = index.dense(vector, DENSE_K)
    turned, _ = index.dense(adapted, DENSE_K)
    worded, words = index.lexical(tokens, LEXICAL_K)
    named = [unit for name in also if (unit := index.unit_of(name)) is not None]
    near = index.units[np.concatenate([passages, turned])]
    units: Int64s = np.unique(
        np.concatenate([near, worded, np.array(named, dtype=np.int64)]).astype(np.int64)
    )
    entries = np.array([index.unit(int(unit)).entry_id is not None for unit in units], dtype=bool)
    matched = match(index, vector, adapted, tokens, units[entries])
    by_words = dict(zip(worded.tolist(), words.tolist(), strict=True))
    loose = _loose(
        knowledge,
        units[~entries],
        dict(zip(passages.tolist(), cosines.tolist(), strict=True)),
        by_words,
    )
    return Found(vector, adapted, tokens, matched, loose)


def _loose(
    knowledge: Knowledge,
    units: Int64s,
    cosines: Mapping[int, float],
    words: Mapping[int, float],
) -> tuple[Loose, ...]:
    index = knowledge.index
    found: list[Loose] = []
    for unit in units.tolist():
        passage = index.unit_passages(unit).start
        if index.kinds[passage] in _LOOSE:
            found.append(Loose(passage, cosines.get(passage, 0.0), words.get(unit, 0.0)))
    return tuple(found)
