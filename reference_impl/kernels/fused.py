"""The door to the Triton kernels: says whether they can run, and loads them when they must."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from reference_impl.shapes import Float, Tensor

if TYPE_CHECKING:
    from reference_impl.losses.tiles import Problem

WIDEST = 256
"""A program of the gradient kernel holds a block of rows of full width; wider rows use tiles."""


def usable(rows: Float[Tensor, "rows dim"]) -> bool:
    """Say whether the kernels take these rows: float32 on a CUDA device, up to `WIDEST` wide."""
    return (
        rows.is_cuda and rows.dtype == torch.float32 and rows.shape[1] <= WIDEST and _has_triton()
    )


def partitions(
    problem: Problem,
) -> tuple[Float[Tensor, " rows"], Float[Tensor, " columns"] | None, None]:
    """Do `tiles.partitions` in one kernel per direction."""
    from reference_impl.kernels import partition

    return partition.partitions(problem)


def gradients(
    problem: Problem,
    of_rows: tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]],
    of_columns: tuple[Float[Tensor, " columns"], Float[Tensor, " columns"]] | None,
    to_columns: bool,
    kept: None = None,
) -> tuple[Float[Tensor, "rows dim"], Float[Tensor, "columns dim"] | None]:
    """Do `tiles.gradients` in one kernel per side."""
    from reference_impl.kernels import partition

    return partition.gradients(problem, of_rows, of_columns, to_columns, kept)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None
