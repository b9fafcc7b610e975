"""How well each candidate fits the words: the few numbers that the ranking adds up.

Weights, and the adapter that turns the query's vector towards the entries, were fitted by
`benchmarks/fit_ranker.py` and are read from `ranker.npz`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kb.index import Index
from kb.store_records import KIND_CODES
from kb.tokens import tokenize

Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

RANKER = Path(__file__).with_name("ranker.npz")

NAMES: tuple[str, ...] = (
    "phrasings",
    "phrasings_adapted",
    "all_adapted",
    "causes_adapted",
    "words",
)
"""The features in the order of their weights: mean of the three best phrasing cosines, before
and after the adapter; of the five best of any kind; the best cause; and the BM25F score."""

_PHRASING = KIND_CODES["phrasing"]
_CAUSE = KIND_CODES["cause"]
_SILENT = np.array(
    [KIND_CODES[kind] for kind in ("reference", "meta", "code", "correction")], dtype=np.int8
)
"""Kinds that say nothing about whether an entry fits: places, code, and claims that are wrong."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Fitted parameters. `down` (d, r) and `up` (r, d) are the low-rank adapter; `prior` is what
    an entry's frequency among the development queries adds to its score, under "" what it adds
    for an entry never seen; `domain` (d,) and `fits` weigh the evidence that the query is about
    this field at all."""

    down: Float32s
    up: Float32s
    weights: Float32s
    prior: Mapping[str, float]
    scale: float
    domain: Float32s
    domain_bias: float
    fits: Float32s
    threshold: float
    encoder: str

    def adapt(self, vector: Float32s, encoder: str) -> Float32s:
        """Return the query vector turned towards the entries; unchanged for another encoder."""
        if encoder != self.encoder:
            return vector
        moved = vector + (vector @ self.down) @ self.up
        return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-12), dtype=np.float32)

    def prior_of(self, entry_id: str) -> float:
        """Return what the frequency of an entry adds to its score."""
        return self.prior.get(entry_id, self.prior[""])


@lru_cache(maxsize=1)
def ranker() -> Ranker:
    """Load the fitted parameters."""
    with np.load(RANKER, allow_pickle=False) as held:
        return Ranker(
            held["down"].astype(np.float32),
            held["up"].astype(np.float32),
            held["weights"].astype(np.float32),
            dict(zip(held["prior_names"].tolist(), held["prior"].tolist(), strict=True)),
            float(held["scale"]),
            held["domain"].astype(np.float32),
            float(held["domain_bias"]),
            held["fits"].astype(np.float32),
            float(held["threshold"]),
            str(held["encoder"]),
        )


def query_tokens(text: str) -> Mapping[str, float]:
    """Return the weight of each token: once, however often it was typed, capped at two."""
    return {token: float(min(count, 2)) for token, count in Counter(tokenize(text)).items()}


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Features of candidate units: `units` (u,), `values` (u, len(NAMES)), and per unit the
    passage that matches best."""

    units: Int64s
    values: Float32s
    best: Int64s
    best_cosine: Float32s


def match(
    index: Index, vector: Float32s, adapted: Float32s, tokens: Mapping[str, float], units: Int64s
) -> Matched:
    """Compute the features of `units` (entries) for one query."""
    rows, both = index.cosines(np.stack([vector, adapted]), units)
    cosines, turned = both[:, 0], both[:, 1]
    widths = np.array([_width(index, int(unit)) for unit in units], dtype=np.int64)
    owners = np.repeat(np.arange(len(units)), widths)
    kinds = index.kinds[rows]
    telling = ~np.isin(kinds, _SILENT)
    said = telling & (kinds == _PHRASING)
    # A user's entry has no phrasings: all its own words stand in for them.
    spoken = np.bincount(owners[said], minlength=len(units)) > 0
    said |= telling & ~spoken[owners]
    values = np.stack(
        [
            _top(cosines, owners, said, 3, len(units)),
            _top(turned, owners, said, 3, len(units)),
            _top(turned, owners, telling, 5, len(units)),
            _top(turned, owners, kinds == _CAUSE, 1, len(units)),
            index.lexical_scores(tokens, units),
        ],
        axis=1,
    )
    best, best_cosine = _best(rows, np.where(telling, cosines, -1.0), widths)
    return Matched(units, values.astype(np.float32), best, best_cosine)


def _width(index: Index, unit: int) -> int:
    span = index.unit_passages(unit)
    return int(span.stop - span.start)


def _top(cosines: Float32s, owners: Int64s, kept: Bools, count: int, units: int) -> Float32s:
    """Return the mean of the `count` best kept cosines of each unit, 0 where it has none."""
    values, groups = cosines[kept], owners[kept]
    order = np.lexsort((-values, groups))
    values, groups = values[order], groups[order]
    firsts = np.searchsorted(groups, np.arange(units))
    leading = np.arange(len(groups)) - firsts[groups] < count
    sums = np.bincount(groups[leading], values[leading], minlength=units)
    counts = np.bincount(groups[leading], minlength=units)
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float32)


def _best(rows: Int64s, cosines: Float32s, widths: Int64s) -> tuple[Int64s, Float32s]:
    """Return the best passage of each unit and its cosine."""
    if not len(widths):
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    starts = np.concatenate(([0], np.cumsum(widths)[:-1]))
    best_cosine = np.maximum.reduceat(cosines, starts)
    owners = np.repeat(np.arange(len(widths)), widths)
    places = np.flatnonzero(cosines == best_cosine[owners])
    _, firsts = np.unique(owners[places], return_index=True)
    return rows[places[firsts]], best_cosine.astype(np.float32)
