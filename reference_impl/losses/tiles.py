"""The arithmetic of `losses.partition` in torch alone: one tile of the matrix at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from reference_impl.losses.precision import full_precision
from reference_impl.shapes import Float, Tensor

Mode = Literal["rows", "both", "symmetric"]
"""Which log partitions are wanted: of the rows over all columns, of the columns over all rows as
well, or of the rows of a matrix that is its own transpose."""

_TILE_SIDE = {"cpu": 512}
"""512 x 512 float32 fill a mebibyte, which stays in the cache of a core; sides from 256 to 2,048
were tried at 8,192 rows of width 128."""

_TILE_SIDE_ELSEWHERE = 4096
"""An accelerator wants fewer, larger products. A choice, not measured."""

KEPT_ENTRIES = 1 << 24
"""Up to this many entries (64 MiB in float32) the tiles are kept for the backward pass instead of
being made again, which saves a third of the multiplications where memory is no concern."""

Tile = tuple[slice, slice, Float[Tensor, "rows columns"]]
"""Which rows and columns, and the entries."""


@dataclass(frozen=True)
class Problem:
    """The matrix scale * rows @ columns.T, never held as a whole.

    Entry (i, i + o) is left out for every offset o of `skip`. `side` is the side of a tile, None
    for the device's own.
    """

    rows: Float[Tensor, "rows dim"]
    columns: Float[Tensor, "columns dim"]
    scale: Float[Tensor, ""]
    skip: tuple[int, ...]
    mode: Mode
    side: int | None = None

    def fits(self) -> bool:
        """Say whether the matrix is small enough to be kept."""
        return len(self.rows) * len(self.columns) <= KEPT_ENTRIES

    def counts_by_column(self, r: slice, c: slice) -> bool:
        """Say whether a tile adds to the partitions of its columns too."""
        # In a symmetric matrix the tile stands for its mirror image as well, unless it is its own.
        return self.mode == "both" or (self.mode == "symmetric" and r != c)


def partitions(
    problem: Problem,
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"] | None, list[Tile] | None]:
    """Return log sum exp of each row and, in the mode "both", of each column; and the tiles, where
    they are few enough to keep."""
    rows, columns = problem.rows, problem.columns
    of_rows = rows.new_full((len(rows),), -torch.inf)
    of_columns = of_rows
    if problem.mode == "both":
        of_columns = rows.new_full((len(columns),), -torch.inf)
    kept: list[Tile] | None = [] if problem.fits() else None
    with full_precision(rows):
        for r, c, tile in tiles_of(problem):
            _absorb(of_rows[r], tile.logsumexp(1))
            if problem.counts_by_column(r, c):
                _absorb(of_columns[c], tile.logsumexp(0))
            if kept is not None:
                kept.append((r, c, tile))
    return of_rows, of_columns if problem.mode == "both" else None, kept


def gradients(
    problem: Problem,
    of_rows: tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]],
    of_columns: tuple[Float[Tensor, " columns"], Float[Tensor, " columns"]] | None,
    to_columns: bool,
    kept: list[Tile] | None = None,
) -> tuple[Float[Tensor, "rows dim"], Float[Tensor, "columns dim"] | None]:
    """Return the gradients of rows and columns, not yet multiplied by the scale.

    `of_rows` and `of_columns` are log partitions and what came back for them, `kept` the tiles
    that `partitions` returned. In a symmetric problem the first result is the whole gradient.
    """
    rows, columns = problem.rows, problem.columns
    back_rows = torch.zeros_like(rows)
    back_columns = torch.zeros_like(columns) if to_columns else None
    if problem.mode == "symmetric":
        back_columns, of_columns = back_rows, of_rows
    with full_precision(rows):
        for r, c, tile in tiles_of(problem) if kept is None else kept:
            # The tile stays as it is: a graph that is kept may be walked again.
            level, back = of_rows
            weights = (tile - level[r, None]).exp_().mul_(back[r, None])
            if of_columns is not None and problem.counts_by_column(r, c):
                level, back = of_columns
                weights.addcmul_((tile - level[c]).exp_(), back[c])
            back_rows[r].addmm_(weights, columns[c])
            if back_columns is not None:
                back_columns[c].addmm_(weights.T, rows[r])
    return back_rows, None if problem.mode == "symmetric" else back_columns


def _absorb(total: Tensor, part: Tensor) -> None:
    torch.logaddexp(total, part, out=total)


def tiles_of(problem: Problem) -> Iterator[Tile]:
    """Yield where a tile lies, and the tile, with -inf where an entry is left out."""
    rows, columns = problem.rows, problem.columns
    side = problem.side or _TILE_SIDE.get(rows.device.type, _TILE_SIDE_ELSEWHERE)
    for top in range(0, len(rows), side):
        r = slice(top, min(top + side, len(rows)))
        scaled = rows[r] * problem.scale
        for left in range(top if problem.mode == "symmetric" else 0, len(columns), side):
            c = slice(left, min(left + side, len(columns)))
            tile = scaled @ columns[c].T
            for offset in problem.skip:
                _leave_out(tile, offset + top - left)
            yield r, c, tile


def _leave_out(tile: Tensor, diagonal: int) -> None:
    if -tile.shape[0] < diagonal < tile.shape[1]:
        tile.diagonal(diagonal).fill_(-torch.inf)
