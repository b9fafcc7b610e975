"""From stores to the parts of an index, in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from kb.errors import StoreError
from kb.index import dense
from kb.index.dense import Float16s
from kb.index.lexical import Lexical, LexicalBuilder
from kb.index.table import Grouped, Table, group, name_arrays
from kb.store import PassageTable, Store
from kb.tokens import TOKENIZER_VERSION, tokenize

INDEX_VERSION: Final = 2
"""Raise it whenever the files, the fields or their weights change."""


@dataclass(frozen=True, slots=True)
class Identity:
    """All that an index depends on; an index of another identity is of no use."""

    stores: tuple[str, ...]
    encoder: str
    dim: int
    tokenizer: str
    version: int

    @classmethod
    def of(cls, stores: Sequence[Store], encoder: str, dim: int) -> Identity:
        """Return the identity that an index over these stores has now."""
        stamps = tuple(store.index_stamp(encoder) for store in stores)
        return cls(stamps, encoder, dim, TOKENIZER_VERSION, INDEX_VERSION)

    def key(self) -> str:
        """Return 16 hexadecimal digits that name it."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """An index in memory, or mapped from its files."""

    table: Table
    lexical: Lexical
    vectors: Float16s
    dense: Any


def build(
    stores: Sequence[Store], encoder: str, dim: int, notify: Callable[[str], None]
) -> tuple[Identity, Parts]:
    """Read the stores, each in one state, and return the parts with the identity they have.

    Raises StoreError when a store is damaged or holds vectors of another width.
    """
    with ExitStack() as stack:
        for store in stores:
            stack.enter_context(store.snapshot())
        identity = Identity.of(stores, encoder, dim)
        tables = [store.passage_table() for store in stores]
        groups = [group(passages) for passages in tables]
        table = _table(stores, tables, groups)
        lexical = _lexical(stores, tables, groups)
        vectors = _vectors(stores, tables, groups, table, encoder, dim)
    missing = int(np.count_nonzero(~table.encoded))
    if missing:
        notify(f"{missing} passages have no vectors of this encoder: found by their words only")
    return identity, Parts(table, lexical, vectors, dense.build(vectors))


def _table(
    stores: Sequence[Store], tables: Sequence[PassageTable], groups: Sequence[Grouped]
) -> Table:
    """Put the stores one after the other; no passage counts as encoded yet."""
    offsets = _offsets([len(one.entries) for one in groups])
    rows = _offsets([len(one) for one in tables])
    names: list[str] = []
    for store, grouped in zip(stores, groups, strict=True):
        ids = store.entry_ids()
        names += [ids[number] if number >= 0 else "" for number in grouped.entries.tolist()]
    pairs = list(zip(tables, groups, strict=True))
    starts = [one.starts[:-1] + row for one, row in zip(groups, rows, strict=False)]
    numbered = [one.units + unit for one, unit in zip(groups, offsets, strict=False)]
    owners = [one.owners[g.order][g.starts[:-1]] for one, g in pairs]
    return Table(
        rowids=_joined([one.rowids[g.order] for one, g in pairs], np.int64),
        units=_joined(numbered, np.int32),
        kinds=_joined([one.kinds[g.order] for one, g in pairs], np.int8),
        encoded=np.zeros(rows[-1], bool),
        starts=np.append(_joined(starts, np.int64), rows[-1]),
        stores=np.repeat(np.arange(len(stores)), np.diff(offsets)).astype(np.int8),
        owners=_joined(owners, np.int8),
        **name_arrays(names),
    )


def _lexical(
    stores: Sequence[Store], tables: Sequence[PassageTable], groups: Sequence[Grouped]
) -> Lexical:
    """Tokenise every passage and count its tokens for its unit."""
    builder = LexicalBuilder()
    n_units = 0
    for store, passages, grouped in zip(stores, tables, groups, strict=True):
        units = np.empty(len(passages), np.int64)
        units[grouped.order] = grouped.units + n_units
        places = zip(units.tolist(), passages.kinds.tolist(), strict=True)
        for (unit, kind), (_, text) in zip(places, store.passage_texts(), strict=True):
            builder.add(unit, kind, tokenize(text))
        n_units += len(grouped.entries)
    return builder.build(n_units)


def _vectors(
    stores: Sequence[Store],
    tables: Sequence[PassageTable],
    groups: Sequence[Grouped],
    table: Table,
    encoder: str,
    dim: int,
) -> Float16s:
    """Return unit vectors in the table's order, zero where missing, and note the others."""
    vectors = np.zeros((len(table.rowids), dim), np.float16)
    row = 0
    for store, passages, grouped in zip(stores, tables, groups, strict=True):
        rowids, matrix = store.vectors(encoder)
        if len(rowids) and matrix.shape[1] != dim:
            raise StoreError(
                f"holds vectors of {matrix.shape[1]} dimensions, the encoder gives {dim}",
                where=str(store.path),
                hint="ingest your notes again",
            )
        places = np.empty(len(passages), np.int64)
        places[grouped.order] = np.arange(row, row + len(passages))
        chosen = places[np.searchsorted(passages.rowids, rowids)]
        if len(chosen):
            vectors[chosen] = matrix
            table.encoded[chosen] = True
        row += len(passages)
    return dense.unit_rows(vectors)


def _offsets(counts: Sequence[int]) -> list[int]:
    """Return where each part starts, and the total at the end."""
    return [0, *np.cumsum(np.array(counts, np.int64)).tolist()]


def _joined(arrays: Sequence[Any], kind: type[np.generic]) -> Any:
    """Return the arrays end to end; of no arrays, an empty one."""
    return np.concatenate([np.zeros(0, kind), *arrays]).astype(kind)
