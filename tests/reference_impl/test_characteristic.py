"""The rotated characteristic function equals the one evaluated point by point."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from reference_impl.losses.characteristic import characteristic_function


def plain(samples: Any, step: float, count: int) -> tuple[Any, Any]:
    angles = samples.unsqueeze(-1) * (step * torch.arange(count, dtype=samples.dtype))
    return angles.cos().mean(-3), angles.sin().mean(-3)


def drawn(*shape: int) -> Any:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("shape", [(5, 3), (2, 7, 4), (1, 1)])
@pytest.mark.parametrize("count", [1, 2, 17])
def test_values_and_gradients(shape: tuple[int, ...], count: int) -> None:
    samples = drawn(*shape).requires_grad_()
    found = characteristic_function(samples, 0.1875, count)
    wanted = plain(samples, 0.1875, count)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-14)
    weights = drawn(*found[0].shape), drawn(*found[0].shape)
    gradients = [
        torch.autograd.grad((real * weights[0] + imaginary * weights[1]).sum(), samples)[0]
        for real, imaginary in (found, wanted)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)


def test_gradients_by_finite_differences() -> None:
    samples = drawn(4, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: characteristic_function(x, 0.5, 6), samples)


def test_single_precision_keeps_five_digits_at_the_end_of_the_grid() -> None:
    samples = drawn(256, 8)
    for found, wanted in zip(
        characteristic_function(samples.float(), 0.1875, 17),
        plain(samples, 0.1875, 17),
        strict=True,
    ):
        torch.testing.assert_close(found.double(), wanted, rtol=0, atol=2e-6)
