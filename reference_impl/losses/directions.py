"""How far apart the directions of paired vectors are, with as few passes over memory as possible.

Losses that compare a prediction with its target are bound by memory, not by arithmetic. Through
autograd they read and write their inputs some twenty times; written out, eight do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from reference_impl.losses.precision import at_least_float32
from reference_impl.shapes import Float, Tensor

_SHORTEST = 1e-12
"""A vector shorter than this is divided by this instead, as `torch.nn.functional.normalize` does;
a zero vector stays zero."""


def squared_gap(
    rows: Float[Tensor, "batch dim"], others: Float[Tensor, "batch dim"]
) -> Float[Tensor, " batch"]:
    """Return |a/|a| - b/|b||^2 = 2 - 2 cos(a, b) of each pair, differentiable once; 1 where one
    of them is zero.

    The difference itself is squared, which keeps its digits where the pair nearly agrees. Half
    precision is computed in float32. Raises ValueError when the shapes differ.
    """
    gap: Tensor = _SquaredGap.apply(*_prepared(rows, others))
    return gap


def cosine(
    rows: Float[Tensor, "batch dim"], others: Float[Tensor, "batch dim"]
) -> Float[Tensor, " batch"]:
    """Return the cosine of each pair, 0 where one of them is zero, differentiable once.

    Half precision is computed in float32. Raises ValueError when the shapes differ.
    """
    cosines: Tensor = _Cosine.apply(*_prepared(rows, others))
    return cosines


def _prepared(rows: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    if rows.shape != others.shape or rows.ndim != 2:
        raise ValueError(
            "expected two matrices of one shape, "
            f"found {tuple(rows.shape)} and {tuple(others.shape)}"
        )
    return at_least_float32(rows), at_least_float32(others)


def _length(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min_(_SHORTEST)


class _SquaredGap(torch.autograd.Function):
    """With u = a/|a|, v = b/|b|, e = u - v: the gradient for a is 2/|a| (e - u (u . e)), and
    u . e is half of |e|^2 where u and v are of one length, |e|^2 itself where v is zero."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, others: Tensor) -> Tensor:
        lengths = [_length(each) for each in (rows, others)]
        unit = rows / lengths[0]
        apart = torch.addcdiv(unit, others, lengths[1].expand_as(others), value=-1)
        gap = torch.linalg.vector_norm(apart, dim=1).square_()
        ctx.save_for_backward(unit, apart, gap, *lengths)
        return gap

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, back: Tensor) -> tuple[Tensor | None, Tensor | None]:
        unit, apart, gap, *lengths = ctx.saved_tensors
        whole, twice = gap[:, None], (2 * back)[:, None]
        along, other_along = (
            torch.where(length > _SHORTEST, whole / 2, whole) for length in (lengths[1], lengths[0])
        )
        to_rows = to_others = None
        if ctx.needs_input_grad[0]:
            to_rows = torch.addcmul(apart, unit, along, value=-1).mul_(twice / lengths[0])
        if ctx.needs_input_grad[1]:
            other_unit = unit - apart
            to_others = torch.addcmul(apart, other_unit, other_along).mul_(-twice / lengths[1])
        return to_rows, to_others


class _Cosine(torch.autograd.Function):
    """With u = a/|a| and v = b/|b|, the gradient for a is (v - u (u . v)) / |a|."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, others: Tensor) -> Tensor:
        lengths = [_length(each) for each in (rows, others)]
        unit, other_unit = rows / lengths[0], others / lengths[1]
        cosines = torch.einsum("bd,bd->b", unit, other_unit)
        ctx.save_for_backward(unit, other_unit, cosines, *lengths)
        return cosines

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, back: Tensor) -> tuple[Tensor | None, Tensor | None]:
        unit, other_unit, cosines, *lengths = ctx.saved_tensors
        pairs = ((unit, other_unit, lengths[0]), (other_unit, unit, lengths[1]))
        column, factor = cosines[:, None], back[:, None]
        to_rows, to_others = (
            torch.addcmul(theirs, own, column, value=-1).mul_(factor / length) if needed else None
            for (own, theirs, length), needed in zip(pairs, ctx.needs_input_grad, strict=True)
        )
        return to_rows, to_others
