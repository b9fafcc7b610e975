"""Triton kernels for `losses.partition`: log partitions and their gradients, tile by tile on chip.

Both kernels walk over the other side's rows with one block of their own side in registers, as in
attention that never writes its matrix. The work is split by rows, so nothing is added atomically
and a run repeats bit for bit.
"""

# A kernel's arguments are Triton's own values; there is nothing for mypy to check in one.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"

from __future__ import annotations

import torch
import triton
import triton.language as tl

from reference_impl.losses.tiles import Problem
from reference_impl.shapes import Float, Tensor

_NO_OFFSET = 1 << 30
"""An offset that no pair of rows has; there are always three."""

_MOST_OFFSETS = 3


@triton.jit
def _scores(
    own,
    other,
    i,
    j,
    own_rows,
    other_rows,
    offset_a,
    offset_b,
    offset_c,
):
    """Return own @ other.T with -inf outside the matrix and at the offsets j - i left out."""
    # Three TF32 products stand for one in float32: tensor cores, nearly full precision.
    scores = tl.dot(own, tl.trans(other), input_precision="tf32x3")
    apart = j[None, :] - i[:, None]
    kept = (i < own_rows)[:, None] & (j < other_rows)[None, :]
    kept = kept & (apart != offset_a) & (apart != offset_b) & (apart != offset_c)
    return tl.where(kept, scores, float("-inf"))


@triton.jit
def _partition_kernel(
    own_ptr,
    other_ptr,
    scale_ptr,
    level_ptr,
    own_rows,
    other_rows,
    width,
    offset_a,
    offset_b,
    offset_c,
    BLOCK: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
):
    """Write log sum_j exp(scale own_i . other_j) for own rows, with a running maximum."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, WIDTH)
    own_mask = (i < own_rows)[:, None] & (d < width)[None, :]
    own = tl.load(own_ptr + i[:, None] * width + d[None, :], mask=own_mask, other=0.0)
    own = own * tl.load(scale_ptr)
    peak = tl.full((BLOCK,), -3.0e38, tl.float32)
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, other_rows, BLOCK):
        j = start + tl.arange(0, BLOCK)
        mask = (j < other_rows)[:, None] & (d < width)[None, :]
        other = tl.load(other_ptr + j[:, None] * width + d[None, :], mask=mask, other=0.0)
        scores = _scores(own, other, i, j, own_rows, other_rows, offset_a, offset_b, offset_c)
        higher = tl.maximum(peak, tl.max(scores, 1))
        total = total * tl.exp(peak - higher) + tl.sum(tl.exp(scores - higher[:, None]), 1)
        peak = higher
    tl.store(level_ptr + i, peak + tl.log(total), mask=i < own_rows)


@triton.jit
def _gradient_kernel(
    own_ptr,
    other_ptr,
    scale_ptr,
    own_level_ptr,
    own_back_ptr,
    other_level_ptr,
    other_back_ptr,
    out_ptr,
    own_rows,
    other_rows,
    width,
    offset_a,
    offset_b,
    offset_c,
    BY_OWN: tl.constexpr,  # noqa: N803
    BY_OTHER: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
):
    """Write sum_j w_ij other_j for a block of own rows.

    w_ij = exp(s_ij - own_level_i) own_back_i if BY_OWN, plus the same with the levels of the
    other side if BY_OTHER.
    """
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    d = tl.arange(0, WIDTH)
    own_mask = (i < own_rows)[:, None] & (d < width)[None, :]
    own = tl.load(own_ptr + i[:, None] * width + d[None, :], mask=own_mask, other=0.0)
    own = own * tl.load(scale_ptr)
    if BY_OWN:
        own_level = tl.load(own_level_ptr + i, mask=i < own_rows, other=0.0)
        own_back = tl.load(own_back_ptr + i, mask=i < own_rows, other=0.0)
    out = tl.zeros((BLOCK, WIDTH), tl.float32)
    for start in range(0, other_rows, BLOCK):
        j = start + tl.arange(0, BLOCK)
        mask = (j < other_rows)[:, None] & (d < width)[None, :]
        other = tl.load(other_ptr + j[:, None] * width + d[None, :], mask=mask, other=0.0)
        scores = _scores(own, other, i, j, own_rows, other_rows, offset_a, offset_b, offset_c)
        weights = tl.zeros((BLOCK, BLOCK), tl.float32)
        if BY_OWN:
            weights += tl.exp(scores - own_level[:, None]) * own_back[:, None]
        if BY_OTHER:
            other_level = tl.load(other_level_ptr + j, mask=j < other_rows, other=0.0)
            other_back = tl.load(other_back_ptr + j, mask=j < other_rows, other=0.0)
            weights += tl.exp(scores - other_level[None, :]) * other_back[None, :]
        out += tl.dot(weights, other, input_precision="tf32x3")
    tl.store(out_ptr + i[:, None] * width + d[None, :], out, mask=own_mask)


def partitions(
    problem: Problem,
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"] | None, None]:
    """Return log sum exp of each row and, in the mode "both", of each column; no tiles."""
    rows, columns = problem.rows.contiguous(), problem.columns.contiguous()
    of_rows = _levels(rows, columns, problem.scale, problem.skip)
    if problem.mode != "both":
        return of_rows, None, None
    return of_rows, _levels(columns, rows, problem.scale, _mirrored(problem.skip)), None


def gradients(
    problem: Problem,
    of_rows: tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]],
    of_columns: tuple[Float[Tensor, " columns"], Float[Tensor, " columns"]] | None,
    to_columns: bool,
    kept: None = None,
) -> tuple[Float[Tensor, "rows dim"], Float[Tensor, "columns dim"] | None]:
    """Return the gradients of rows and columns, not yet multiplied by the scale."""
    del kept
    rows, columns = problem.rows.contiguous(), problem.columns.contiguous()
    if problem.mode == "symmetric":
        of_columns = of_rows
    back_rows = _weighted_sum(rows, columns, problem.scale, problem.skip, of_rows, of_columns)
    if not to_columns:
        return back_rows, None
    skip = _mirrored(problem.skip)
    return back_rows, _weighted_sum(columns, rows, problem.scale, skip, of_columns, of_rows)


_Levels = tuple[Tensor, Tensor] | None
"""Log partitions of one side and the gradients that came back for them."""


def _levels(own: Tensor, other: Tensor, scale: Tensor, skip: tuple[int, ...]) -> Tensor:
    level = own.new_empty(len(own))
    shape = _shape(own.shape[1])
    _partition_kernel[(triton.cdiv(len(own), shape["BLOCK"]),)](
        own,
        other,
        scale,
        level,
        len(own),
        len(other),
        own.shape[1],
        *_three(skip),
        **shape,
    )
    return level


def _weighted_sum(
    own: Tensor,
    other: Tensor,
    scale: Tensor,
    skip: tuple[int, ...],
    by_own: _Levels,
    by_other: _Levels,
) -> Tensor:
    out = torch.empty_like(own)
    # A pointer that is not read must still point somewhere.
    own_level, own_back = by_own or (out, out)
    other_level, other_back = by_other or (out, out)
    shape = _shape(own.shape[1])
    _gradient_kernel[(triton.cdiv(len(own), shape["BLOCK"]),)](
        own,
        other,
        scale,
        own_level,
        own_back.contiguous(),
        other_level,
        other_back.contiguous(),
        out,
        len(own),
        len(other),
        own.shape[1],
        *_three(skip),
        BY_OWN=by_own is not None,
        BY_OTHER=by_other is not None,
        **shape,
    )
    return out


def _shape(width: int) -> dict[str, int]:
    """Return block sizes that keep a program below the 99 KiB of shared memory of small GPUs."""
    # Matrix products on chip take powers of two, of 16 at least.
    padded = max(16, triton.next_power_of_2(width))
    return {
        "BLOCK": 64 if padded <= 64 else 32,
        "WIDTH": padded,
        "num_stages": 2 if padded <= 128 else 1,
    }


def _mirrored(skip: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-offset for offset in skip)


def _three(skip: tuple[int, ...]) -> tuple[int, ...]:
    if len(skip) > _MOST_OFFSETS:
        raise ValueError(f"at most {_MOST_OFFSETS} offsets can be left out, found {skip}")
    return skip + (_NO_OFFSET,) * (_MOST_OFFSETS - len(skip))
