"""The index as its callers see it: two searches, exact scores of given units, and lookups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb.index import dense, files
from kb.index.build import Identity, Parts, build
from kb.index.lexical import Float32s, Int32s, Int64s
from kb.index.table import Int8s
from kb.store import Store
from kb.store_records import OWNERS
from kb.types import Owner


@dataclass(frozen=True, slots=True)
class Unit:
    """What a search ranks: an entry, or (`entry_id` None) one passage of no entry.

    `store` counts the stores as given to the index; `rowid` is the first passage's.
    """

    store: int
    owner: Owner
    entry_id: str | None
    rowid: int


class Index:
    """Both searches over one or more stores. Passages and units are numbered from 0.

    The passages of one unit are next to each other. Threads may share an index.
    """

    def __init__(self, parts: Parts) -> None:
        """Wrap the parts; use `Index.load_or_build`."""
        self._parts = parts
        self._table = parts.table

    @classmethod
    def load_or_build(
        cls,
        directory: Path,
        stores: Sequence[Store],
        encoder: str,
        dim: int,
        notify: Callable[[str], None],
    ) -> Index:
        """Return the index over these stores as they are now, from its cache folder if it fits.

        `encoder` and `dim` say which vectors to use. A missing, outdated or damaged index is
        built anew; where the folder cannot be written it is kept in memory. `notify` is told,
        one line each. Raises StoreError when a store cannot be read.
        """
        try:
            return cls(files.load(directory, Identity.of(stores, encoder, dim)))
        except files.UnusableError as unusable:
            reason = str(unusable)
        try:
            with files.locked(directory, notify):
                return cls(_built_on_disk(directory, stores, encoder, dim, notify))
        except (OSError, files.UnusableError) as error:
            notify(f"building the search index: {reason}, and none can be kept: {error}")
        return cls(build(stores, encoder, dim, notify)[1])

    @property
    def n_passages(self) -> int:
        """Number of passages."""
        return len(self._table.rowids)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self._table.owners)

    @property
    def n_unencoded(self) -> int:
        """Number of passages without a vector: only their words can find them."""
        return int(np.count_nonzero(~self._table.encoded))

    @property
    def units(self) -> Int32s:
        """Unit of each passage, shape (passages,)."""
        return self._table.units

    @property
    def kinds(self) -> Int8s:
        """Kind of each passage as a position in PASSAGE_KINDS, shape (passages,)."""
        return self._table.kinds

    def dense(self, vector: Float32s, k: int) -> tuple[Int64s, Float32s]:
        """Return the at most k passages nearest to a vector, shape (d,), and cosines, best first.

        Exact up to `kb.index.dense.EXACT_UP_TO` passages; the cosines always are.
        """
        # Passages without a vector are zero rows; they would fill up the end of a short list.
        spare = min(self.n_unencoded, k)
        query = _unit(vector)
        rows, cosines = dense.top(self._parts.dense, self._parts.vectors, query, k + spare)
        kept = self._table.encoded[rows]
        return rows[kept][:k], cosines[kept][:k]

    def lexical(self, tokens: Mapping[str, float], k: int) -> tuple[Int64s, Float32s]:
        """Return the at most k units that score best for weighted tokens, and scores, best first.

        Units that hold none of the tokens are never returned.
        """
        return self._parts.lexical.top(tokens, k)

    def lexical_scores(self, tokens: Mapping[str, float], units: Int64s) -> Float32s:
        """Return the lexical scores of given units, shape (units,)."""
        return self._parts.lexical.scores_of(tokens, units)

    def cosines(self, vector: Float32s, units: Int64s) -> tuple[Int64s, Float32s]:
        """Return all passages of given units, unit by unit, and their exact cosines.

        Both have shape (passages of these units,); for several vectors at once, shape (m, d),
        the cosines have shape (passages of these units, m). A passage without a vector has
        cosine 0.
        """
        pieces = [np.arange(*self._bounds(unit)) for unit in units]
        rows = np.concatenate([np.zeros(0, np.int64), *pieces])
        return rows, dense.cosines(self._parts.vectors, rows, _unit(vector))

    def vectors(self, unit: int) -> Float32s:
        """Return the vectors of a unit's passages, shape (passages of the unit, d)."""
        return self._parts.vectors[self.unit_passages(unit)].astype(np.float32)

    def unit_passages(self, unit: int) -> slice:
        """Return the numbers of a unit's passages."""
        return slice(*self._bounds(unit))

    def unit(self, unit: int) -> Unit:
        """Return what a unit is and where it is stored."""
        table = self._table
        return Unit(
            int(table.stores[unit]),
            OWNERS[table.owners[unit]],
            table.name(unit) or None,
            int(table.rowids[table.starts[unit]]),
        )

    def unit_of(self, entry_id: str) -> int | None:
        """Return the unit of an entry, in the first store that has it, or None."""
        return self._table.find(entry_id) if entry_id else None

    def passage(self, passage: int) -> tuple[int, int]:
        """Return where a passage is stored: (store, rowid)."""
        unit = self._table.units[passage]
        return int(self._table.stores[unit]), int(self._table.rowids[passage])

    def _bounds(self, unit: int) -> tuple[int, int]:
        return int(self._table.starts[unit]), int(self._table.starts[unit + 1])


def _built_on_disk(
    directory: Path,
    stores: Sequence[Store],
    encoder: str,
    dim: int,
    notify: Callable[[str], None],
) -> Parts:
    """Build and save, unless another process has done so while this one waited.

    Raises OSError or UnusableError when what was saved cannot be read.
    """
    try:
        return files.load(directory, Identity.of(stores, encoder, dim))
    except files.UnusableError as unusable:
        notify(f"building the search index: {unusable}")
    identity, parts = build(stores, encoder, dim, notify)
    try:
        files.save(directory, identity, parts)
    except OSError as error:
        notify(f"the search index cannot be kept in {directory}: {error}")
        return parts
    del parts  # the files are mapped instead: never both in memory
    return files.load(directory, identity)


def _unit(vector: Float32s) -> Float32s:
    """Return vectors, shape (..., d), of length one; one without direction stays as it is."""
    norms = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.where(norms > 0, norms, 1), dtype=np.float32)
