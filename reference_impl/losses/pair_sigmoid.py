"""Binary cross-entropies of all pairs of two sides, in tiles: the sigmoid loss of SigLIP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from reference_impl.losses.precision import at_least_float32, full_precision, number_like
from reference_impl.losses.tiles import Problem, tiles_of
from reference_impl.shapes import Float, Tensor

Learnt = float | Float[Tensor, ""]
"""A number, or a parameter that is learnt."""


# Tracing would unroll the tiles into one enormous graph.
@torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
def pair_sigmoid(
    rows: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "columns dim"],
    scale: Learnt,
    bias: Learnt,
    *,
    offset: int = 0,
    side: int | None = None,
) -> Float[Tensor, " rows"]:
    """Return, for every row, the sum over columns of -log sigmoid(z_ij l_ij).

    l_ij = scale x_i . y_j + bias; z_ij is 1 for the match j = i + `offset` and -1 elsewhere.
    Differentiable once; half precision is computed in float32; the matrix exists one tile at a
    time, `side` sets its side. Raises ValueError when the widths differ.
    """
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise ValueError(
            "expected two matrices of one width, found shapes "
            f"{tuple(rows.shape)} and {tuple(columns.shape)}"
        )
    rows, columns = at_least_float32(rows), at_least_float32(columns)
    factor, shift = number_like(scale, rows), number_like(bias, rows)
    sums: Tensor = _PairSigmoid.apply(rows, columns, factor, shift, offset, side)
    return sums


class _PairSigmoid(torch.autograd.Function):
    """d softplus(-z l) / d l = -z sigmoid(-z l), made again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        columns: Tensor,
        scale: Tensor,
        bias: Tensor,
        offset: int,
        side: int | None,
    ) -> Tensor:
        ctx.save_for_backward(rows, columns, scale, bias)
        ctx.settings = (offset, side)
        sums = rows.new_zeros(len(rows))
        with full_precision(rows):
            for r, _, _, tile in _against(rows, columns, scale, bias, offset, side):
                sums[r] += softplus(tile).sum(1)
        return sums

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, back: Tensor) -> tuple[Tensor | None, ...]:
        rows, columns, scale, bias = ctx.saved_tensors
        offset, side = ctx.settings
        to_rows, to_columns = torch.zeros_like(rows), torch.zeros_like(columns)
        to_bias = torch.zeros_like(bias)
        with full_precision(rows):
            for r, c, match, tile in _against(rows, columns, scale, bias, offset, side):
                weights = tile.sigmoid_().mul_(back[r, None])
                _flip(weights, match)
                to_rows[r].addmm_(weights, columns[c])
                to_columns[c].addmm_(weights.T, rows[r])
                to_bias += weights.sum()
        to_scale = (to_rows * rows).sum()
        return to_rows.mul_(scale), to_columns.mul_(scale), to_scale, to_bias, None, None


def _against(
    rows: Tensor, columns: Tensor, scale: Tensor, bias: Tensor, offset: int, side: int | None
) -> Iterator[tuple[slice, slice, int, Tensor]]:
    """Yield where a tile lies, on which diagonal its matches, and -z_ij l_ij."""
    for r, c, tile in tiles_of(Problem(rows, columns, scale, (), "rows", side)):
        match = offset + r.start - c.start
        _flip(tile.add_(bias), match)
        yield r, c, match, tile


def _flip(tile: Tensor, diagonal: int) -> None:
    if -tile.shape[0] < diagonal < tile.shape[1]:
        tile.diagonal(diagonal).neg_()
