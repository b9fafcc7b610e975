"""Search by words: BM25F over units, every weight worked out when the index is built.

score(unit) = sum over query tokens of weight x idf x tf (k1 + 1) / (k1 + tf), where tf adds up
the fields: field weight x count / (1 - b + b x length / average length).
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from kb.types import PASSAGE_KINDS, PassageKind

Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]

K1: Final = 1.2
"""How soon repeating a word stops helping: the usual value (Robertson and Zaragoza, 2009)."""


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a unit whose words count alike; `b` says how much a long one is discounted."""

    weight: float
    b: float
    kinds: tuple[PassageKind, ...]


FIELDS: Final[tuple[Field, ...]] = (
    Field(2.5, 0.3, ("title",)),
    Field(2.0, 0.5, ("phrasing",)),
    Field(1.8, 0.6, ("symptom", "sign")),
    Field(0.6, 0.7, ("tell_apart", "false_alarm", "expectation", "correction")),
    Field(0.4, 0.7, ("reference", "code", "meta", "evidence")),
    Field(
        1.0,
        0.7,
        ("cause", "fix", "claim", "section", "formula", "table", "quote", "note", "checklist"),
    ),
)
"""A choice, not fitted: what a user types resembles titles, phrasings and symptoms; what tells
neighbours apart names the neighbours and must not pull their queries here."""

FIELD_OF_KIND: Final[npt.NDArray[np.int8]] = np.array(
    [next(at for at, one in enumerate(FIELDS) if kind in one.kinds) for kind in PASSAGE_KINDS],
    dtype=np.int8,
)
"""Field number by kind code, shape (kinds,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexical:
    """Postings: row t lists the units that hold the t-th term and what each scores for it.

    `terms` (t,) are hashes in ascending order, `starts` (t + 1,) the rows in `units` and
    `weights` (p,); units ascend inside a row.
    """

    terms: npt.NDArray[np.uint64]
    starts: Int64s
    units: Int32s
    weights: Float32s
    n_units: int

    def top(self, tokens: Mapping[str, float], k: int) -> tuple[Int64s, Float32s]:
        """Return the at most k best units that hold a token, and their scores, best first."""
        scores = np.zeros(self.n_units, np.float32)
        for row, weight in self._rows(tokens):
            np.add.at(scores, self.units[row], weight * self.weights[row])  # twice as fast as +=
        found = np.flatnonzero(scores > 0)
        return best(found, scores[found], k)

    def scores_of(self, tokens: Mapping[str, float], units: Int64s) -> Float32s:
        """Return the scores of given units, 0 for one that holds no token."""
        scores = np.zeros(len(units), np.float32)
        for row, weight in self._rows(tokens):
            holders = self.units[row]
            at = np.minimum(np.searchsorted(holders, units), len(holders) - 1)
            scores += np.where(holders[at] == units, weight * self.weights[row][at], 0)
        return scores

    def _rows(self, tokens: Mapping[str, float]) -> Iterable[tuple[slice, np.float32]]:
        """Yield the postings of each known token with its weight in the query."""
        hashes = np.array([token_hash(token) for token in tokens], np.uint64)
        at = np.searchsorted(self.terms, hashes)
        for term, wanted, weight in zip(at.tolist(), hashes, tokens.values(), strict=True):
            if term < len(self.terms) and self.terms[term] == wanted:
                yield slice(self.starts[term], self.starts[term + 1]), np.float32(weight)


class LexicalBuilder:
    """Collects how often each token occurs in each field of each unit."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._terms = array("i")
        self._units = array("i")
        self._fields = array("b")
        self._counts = array("i")

    def add(self, unit: int, kind_code: int, tokens: list[str]) -> None:
        """Count the tokens of one passage."""
        numbers = self._numbers
        counts = Counter(tokens)
        self._terms.extend([numbers.setdefault(token, len(numbers)) for token in counts])
        self._counts.extend(counts.values())
        self._units.extend([unit] * len(counts))
        self._fields.extend([int(FIELD_OF_KIND[kind_code])] * len(counts))

    def build(self, n_units: int) -> Lexical:
        """Return the postings of all that was added."""
        hashes = np.array([token_hash(token) for token in self._numbers], np.uint64)
        if not len(hashes):
            starts, nothing = np.zeros(1, np.int64), np.zeros(0, np.float32)
            return Lexical(hashes, starts, nothing.astype(np.int32), nothing, n_units)
        order = np.argsort(hashes, kind="stable")
        pairs, frequencies = _summed(self._pairs(order, n_units), self._frequencies(n_units))
        terms, units = (part.astype(np.int32) for part in np.divmod(pairs, n_units))
        holders = np.bincount(terms, minlength=len(hashes))  # in how many units a term occurs
        idf = np.log1p((n_units - holders + 0.5) / (holders + 0.5)).astype(np.float32)
        weights = idf[terms] * (frequencies * np.float32(K1 + 1) / (frequencies + np.float32(K1)))
        starts = np.concatenate(([0], np.cumsum(holders)))
        return Lexical(hashes[order], starts, units, weights, n_units)

    def _pairs(self, order: Int64s, n_units: int) -> Int64s:
        """Return (rank of the term's hash, unit) of each count, as one number."""
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        pairs: Int64s = rank[np.frombuffer(self._terms, np.int32)]
        pairs *= n_units
        pairs += np.frombuffer(self._units, np.int32)
        return pairs

    def _frequencies(self, n_units: int) -> Float32s:
        """Return what each count is worth: by its field's weight and the field's length."""
        units = np.frombuffer(self._units, np.int32)
        counts = np.frombuffer(self._counts, np.int32)
        fields = np.frombuffer(self._fields, np.int8)
        worth = np.empty(len(counts), np.float32)
        for number, field in enumerate(FIELDS):
            inside = fields == number
            lengths = np.bincount(units[inside], counts[inside], minlength=n_units)
            average = lengths[lengths > 0].mean() if inside.any() else 1.0
            discount = 1 - field.b + field.b * lengths / average
            worth[inside] = field.weight * counts[inside] / discount[units[inside]]
        return worth


def token_hash(token: str) -> int:
    """Return 64 bits of a token; two of a million tokens collide once in 30 million indexes."""
    data = token.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def best(numbers: Int64s, scores: Float32s, k: int) -> tuple[Int64s, Float32s]:
    """Return the k numbers of highest score, best first, ties by number."""
    if 0 < k < len(scores):
        kept = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        numbers, scores = numbers[kept], scores[kept]
    order = np.lexsort((numbers, -scores))[: max(k, 0)]
    return numbers[order], scores[order]


def _summed(keys: Int64s, values: Float32s) -> tuple[Int64s, Float32s]:
    """Return the distinct keys, ascending, and the sum of the values of each.

    Names are used again on purpose: with 13 million counts each array is 100 MB.
    """
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    del order
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[first], np.add.reduceat(values, first)
