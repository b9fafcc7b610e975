"""Two processes together do what one does with the whole batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from two_processes import run_two

from reference_impl import distributed


def global_loss(rows: Any) -> Any:
    """Return a loss that couples all rows of all processes."""
    everyone = distributed.gather(rows)
    return (rows @ everyone.T).square().mean()


def gradients(seed: int) -> tuple[Any, Any]:
    """Return the loss and the gradient that DistributedDataParallel leaves, of half a batch."""
    torch.manual_seed(seed)
    model = nn.Linear(5, 3).double()
    batch = torch.randn(8, 5, dtype=torch.float64)
    half = 8 // distributed.world()
    start = distributed.rank() * half
    mine = batch[start : start + half]
    wrapped = nn.parallel.DistributedDataParallel(model) if distributed.world() > 1 else model
    loss = global_loss(wrapped(mine))
    loss.backward()
    return distributed.mean_over_processes(loss.detach()), model.weight.grad


@pytest.mark.parametrize("seed", [0, 1])
def test_the_mean_gradient_of_two_processes_is_that_of_the_whole_batch(seed: int) -> None:
    loss, gradient = gradients(seed)
    for other_loss, other_gradient in run_two(gradients, seed):
        torch.testing.assert_close(other_loss, loss, rtol=1e-12, atol=0)
        torch.testing.assert_close(other_gradient, gradient, rtol=1e-12, atol=1e-15)


def sums() -> tuple[Any, Any]:
    """Return the mean over processes of a value, and its gradient."""
    value = torch.tensor([1.0 + distributed.rank(), 4.0], requires_grad=True)
    mean = distributed.mean_over_processes(value)
    mean.square().sum().backward()
    return mean.detach(), value.grad


def test_a_mean_over_processes_and_its_gradient() -> None:
    for mean, gradient in run_two(sums):
        assert mean.tolist() == [1.5, 4.0]
        # Both processes hold the same loss: each of their gradients counts, as for gather.
        assert gradient.tolist() == [3.0, 8.0]


def test_without_a_process_group_nothing_changes() -> None:
    rows = torch.randn(4, 2)
    assert distributed.gather(rows) is rows
    assert distributed.mean_over_processes(rows) is not None
    assert (distributed.world(), distributed.rank()) == (1, 0)
