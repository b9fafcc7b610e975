"""log sum exp over all similarities: contrastive losses without the N x N matrix.

Every softmax contrastive loss is a positive similarity, which costs one product per row, minus
the log partition log sum_j exp(scale q_i . k_j), which costs the matrix. Here the matrix exists
one tile at a time, in the forward pass and again in the backward pass, so that memory grows with
N and not with N^2; only small matrices are kept (`tiles.KEPT_ENTRIES`). A symmetric one is
visited in its upper half only: the whole then takes a third fewer multiplications than the plain
way, although every tile is computed twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from reference_impl.kernels import fused
from reference_impl.losses import tiles
from reference_impl.losses.precision import at_least_float32, number_like
from reference_impl.losses.tiles import Mode, Problem
from reference_impl.shapes import Float, Tensor

Scale = float | Float[Tensor, ""]
"""The factor before the similarities, 1 / temperature; a tensor where it is learnt."""


def log_partition(
    queries: Float[Tensor, "queries dim"],
    keys: Float[Tensor, "keys dim"],
    scale: Scale,
    *,
    skip: tuple[int, ...] = (),
    side: int | None = None,
) -> Float[Tensor, " queries"]:
    """Return log sum_j exp(scale q_i . k_j) of every query over all keys, differentiable once.

    `skip` leaves out, for each offset o in it, the key i + o: the query's own place among the
    keys, for instance. `side` sets the side of a tile. Half precision is computed in float32.
    Raises ValueError when the widths differ.
    """
    return _apply(queries, keys, scale, skip, "rows", side)[0]


def log_partitions(
    rows: Float[Tensor, "rows dim"],
    columns: Float[Tensor, "columns dim"],
    scale: Scale,
    *,
    side: int | None = None,
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"]]:
    """Return the log partition of each row over all columns, and of each column over all rows.

    One visit of the tiles serves both, as the two directions of CLIP want it.
    """
    of_rows, of_columns = _apply(rows, columns, scale, (), "both", side)
    return of_rows, of_columns


def log_partition_among(
    rows: Float[Tensor, "rows dim"],
    scale: Scale,
    *,
    skip: tuple[int, ...] = (0,),
    side: int | None = None,
) -> Float[Tensor, " rows"]:
    """Return log sum_j exp(scale z_i . z_j) of every row over the others.

    `skip` must hold -o for every offset o in it; (0,) leaves out the row itself.
    """
    if {-offset for offset in skip} != set(skip):
        raise ValueError(f"offsets to skip must come with their negatives, found {skip}")
    return _apply(rows, rows, scale, skip, "symmetric", side)[0]


# Tracing would unroll the tiles into one enormous graph.
@torch.compiler.disable  # type: ignore[untyped-decorator, unused-ignore]
def _apply(
    rows: Tensor,
    columns: Tensor,
    scale: Scale,
    skip: tuple[int, ...],
    mode: Mode,
    side: int | None,
) -> tuple[Tensor, Tensor]:
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise ValueError(
            "expected two matrices of one width, found shapes "
            f"{tuple(rows.shape)} and {tuple(columns.shape)}"
        )
    rows, columns = at_least_float32(rows), at_least_float32(columns)
    factor = number_like(scale, rows)
    found: tuple[Tensor, Tensor] = _LogPartitions.apply(rows, columns, factor, skip, mode, side)
    return found


class _LogPartitions(torch.autograd.Function):
    """d of_rows_i / d s_ij = exp(s_ij - of_rows_i): a softmax, made again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        columns: Tensor,
        scale: Tensor,
        skip: tuple[int, ...],
        mode: Mode,
        side: int | None,
    ) -> tuple[Tensor, Tensor]:
        ctx.engine = fused if fused.usable(rows) else tiles
        problem = Problem(rows, columns, scale, skip, mode, side)
        of_rows, of_columns, ctx.kept = ctx.engine.partitions(problem)
        ctx.settings = (skip, mode, side)
        ctx.save_for_backward(rows, columns, scale, of_rows, of_columns)
        if of_columns is None:
            of_columns = of_rows.new_empty(0)
            ctx.mark_non_differentiable(of_columns)
        return of_rows, of_columns

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, to_rows: Tensor, to_columns: Tensor) -> tuple[Tensor | None, ...]:
        rows, columns, scale, of_rows, of_columns = ctx.saved_tensors
        skip, mode, side = ctx.settings
        back_rows, back_columns = ctx.engine.gradients(
            Problem(rows, columns, scale, skip, mode, side),
            (of_rows, to_rows),
            None if of_columns is None else (of_columns, to_columns),
            to_columns=mode != "symmetric" and ctx.needs_input_grad[1],
            kept=ctx.kept,
        )
        # Each s_ij = scale q_i . k_j met its weight once in back_rows, in a symmetric matrix twice.
        share = 0.5 if mode == "symmetric" else 1.0
        back_scale = (back_rows * rows).sum() * share if ctx.needs_input_grad[2] else None
        if back_columns is not None:
            back_columns = back_columns * scale
        return back_rows * scale, back_columns, back_scale, None, None, None
