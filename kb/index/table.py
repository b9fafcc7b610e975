"""Which passage is where: passages grouped into units, units named, all as plain arrays.

A unit is what a search ranks: an entry with all its passages, or a passage of no entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.index.lexical import Int32s, Int64s, token_hash
from kb.store import PassageTable

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Passages, shape (n,), those of one unit side by side; and units, shape (u,).

    Passages of unit i are `starts[i]` up to `starts[i + 1]`. The name of a unit is its entry
    id, empty for a lone passage: bytes `name_starts[i]` up to `name_starts[i + 1]` of `names`.
    `by_hash` lists the units in the order of `hashes`, for finding one by its name.
    """

    rowids: Int64s
    units: Int32s
    kinds: Int8s
    encoded: Bools
    starts: Int64s
    stores: Int8s
    owners: Int8s
    names: npt.NDArray[np.uint8]
    name_starts: Int64s
    hashes: npt.NDArray[np.uint64]
    by_hash: Int32s

    def name(self, unit: int) -> str:
        """Return the entry id of a unit, empty for a lone passage."""
        piece = self.names[self.name_starts[unit] : self.name_starts[unit + 1]]
        return piece.tobytes().decode("utf-8")

    def find(self, name: str) -> int | None:
        """Return the first unit of that entry id, or None."""
        at = int(np.searchsorted(self.hashes, np.uint64(token_hash(name))))
        while at < len(self.hashes) and self.hashes[at] == token_hash(name):
            unit = int(self.by_hash[at])
            if self.name(unit) == name:
                return unit
            at += 1
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """How the passages of one store fall into units.

    `order` (n,) sorts them so that each unit is contiguous; `units` (n,) and `entries` (u,)
    follow that order; an entry is -1 for a lone passage.
    """

    order: Int64s
    units: Int32s
    starts: Int64s
    entries: Int64s


def group(passages: PassageTable) -> Grouped:
    """Group passages by entry, units in the order of their first passage."""
    keys = passages.rowids.copy()
    inside = passages.entries >= 0
    # Row numbers ascend, so the first row of an entry is its smallest.
    _, first, member = np.unique(passages.entries[inside], return_index=True, return_inverse=True)
    keys[inside] = passages.rowids[inside][first][member]
    order = np.lexsort((passages.rowids, keys))
    keys = keys[order]
    opens = np.ones(len(keys), bool)
    opens[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(opens)
    return Grouped(
        order,
        (np.cumsum(opens) - 1).astype(np.int32),
        np.append(starts, len(keys)),
        passages.entries[order][starts],
    )


def name_arrays(names: list[str]) -> dict[str, Any]:
    """Return the four arrays of a Table that hold names."""
    pieces = [name.encode("utf-8") for name in names]
    hashes = np.array([token_hash(name) for name in names], np.uint64)
    by_hash = np.argsort(hashes, kind="stable").astype(np.int32)
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    return {
        "names": np.frombuffer(b"".join(pieces), np.uint8),
        "name_starts": np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))),
        "hashes": hashes[by_hash],
        "by_hash": by_hash,
    }
