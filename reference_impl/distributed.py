"""Batches that are spread over processes: one differentiable gather, and global means.

The convention everywhere: each process computes a loss from its own rows and everybody's columns,
and DistributedDataParallel averages gradients. `gather` sums the gradients that all processes
send to a row, so that this average is the gradient of the mean of all losses; it is tested
against one process that holds the whole batch.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import distributed as dist

from reference_impl.shapes import Tensor


def world() -> int:
    """Return how many processes train together, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return this process's number, 0 without a process group."""
    return dist.get_rank() if world() > 1 else 0


def is_first_process() -> bool:
    """Tell whether this process speaks and writes for all: rank 0.

    Before the process group is there and after it is gone, launchers' RANK tells.
    """
    if dist.is_available() and dist.is_initialized():
        return rank() == 0
    return os.environ.get("RANK", "0") in {"", "0"}


class _Gather(torch.autograd.Function):
    """All rows of all processes; the backward pass sums what every process says of our rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.count = rows.shape[0]
        parts = [torch.empty_like(rows) for _ in range(world())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        summed = grad.contiguous().clone()
        dist.all_reduce(summed)
        start = rank() * ctx.count
        return summed[start : start + ctx.count]


def gather(rows: Tensor) -> Tensor:
    """Return the rows (batch, ...) of all processes in rank order, (world * batch, ...).

    Differentiable. Every process must hold as many rows; without a process group the rows
    themselves come back.
    """
    return _Gather.apply(rows) if world() > 1 else rows


class _Sum(torch.autograd.Function):
    """The sum over processes, whose gradient is the sum of all gradients."""

    @staticmethod
    def forward(_ctx: Any, value: Tensor) -> Tensor:
        summed = value.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_ctx: Any, grad: Tensor) -> Tensor:
        summed = grad.contiguous().clone()
        dist.all_reduce(summed)
        return summed


def sum_over_processes(value: Tensor) -> Tensor:
    """Return the elementwise sum of `value` over all processes; differentiable."""
    return _Sum.apply(value) if world() > 1 else value


def mean_over_processes(value: Tensor) -> Tensor:
    """Return the elementwise mean of `value` over all processes; differentiable."""
    return sum_over_processes(value) / world()
