"""Energies through either Gram matrix equal those of the matrix that is never built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.losses.gram import cross_off_diagonal_energy, off_diagonal_energy

SHAPES = [(5, 9), (9, 5), (7, 7), (2, 30), (30, 2), (8, 10), (3, 1)]
"""Batch and width: on both sides of either rule, and where there is no off-diagonal."""


def plain(first: Any, second: Any) -> Any:
    product = first.T @ second
    return (product - torch.diag(product.diagonal())).square().sum()


def rows(shape: tuple[int, int], seed: int, scale: float = 1.0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (scale * drawn).requires_grad_()


@pytest.mark.parametrize("shape", SHAPES)
def test_value_and_gradient_of_one_matrix(shape: tuple[int, int]) -> None:
    z = rows(shape, 0)
    (wanted,) = torch.autograd.grad(plain(z, z), z)
    energy = off_diagonal_energy(z)
    torch.testing.assert_close(energy, plain(z, z), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(energy, z)[0], wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_value_and_gradients_of_two_matrices(shape: tuple[int, int]) -> None:
    a, b = rows(shape, 1), rows(shape, 2)
    wanted = torch.autograd.grad(plain(a, b), (a, b))
    energy = cross_off_diagonal_energy(a, b)
    torch.testing.assert_close(energy, plain(a, b), rtol=1e-12, atol=1e-12)
    for found, expected in zip(torch.autograd.grad(energy, (a, b)), wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_by_finite_differences(shape: tuple[int, int]) -> None:
    assert torch.autograd.gradcheck(off_diagonal_energy, rows(shape, 3, 0.3))
    pair = (rows(shape, 4, 0.3), rows(shape, 5, 0.3))
    assert torch.autograd.gradcheck(cross_off_diagonal_energy, pair)


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 12),
    dim=st.integers(1, 12),
    seed=st.integers(0, 2**20),
    scale=st.floats(1e-3, 1e3),
)
def test_any_shape_and_scale(batch: int, dim: int, seed: int, scale: float) -> None:
    z, other = rows((batch, dim), seed, scale), rows((batch, dim), seed + 1, scale)
    whole = float((z.T @ z).detach().square().sum())
    assert float(off_diagonal_energy(z).detach()) == pytest.approx(
        float(plain(z, z).detach()), abs=1e-13 * whole
    )
    whole = float((z.square().sum() * other.square().sum()).detach())
    found = float(cross_off_diagonal_energy(z, other).detach())
    assert found == pytest.approx(float(plain(z, other).detach()), abs=1e-13 * whole)


@pytest.mark.parametrize("shape", [(64, 200), (200, 64)])
def test_single_precision_keeps_six_digits(shape: tuple[int, int]) -> None:
    z, other = rows(shape, 6).detach(), rows(shape, 7).detach()
    torch.testing.assert_close(
        off_diagonal_energy(z.float()).double(), plain(z, z), rtol=2e-6, atol=0
    )
    found = cross_off_diagonal_energy(z.float(), other.float()).double()
    torch.testing.assert_close(found, plain(z, other), rtol=2e-6, atol=0)


def test_autocast_does_not_reach_the_products() -> None:
    z = rows((16, 40), 8).detach().float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        energy = off_diagonal_energy(z)
        energy.backward()
    assert energy.dtype == torch.float32
    torch.testing.assert_close(energy, plain(z.detach(), z.detach()), rtol=1e-5, atol=0)
    assert z.grad.dtype == torch.float32


def test_views_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found \(4, 3\) and \(4, 2\)"):
        cross_off_diagonal_energy(torch.randn(4, 3), torch.randn(4, 2))


def test_single_precision_near_the_smallest_possible_energy() -> None:
    # Orthonormal columns but one: the diagonal holds nearly all, what is left is the difference.
    z = torch.linalg.qr(rows((256, 256), 9).detach())[0][:250] * 16.0
    share = plain(z, z) / (z.T @ z).square().sum()
    assert share < 0.03
    found = off_diagonal_energy(z.float()).double()
    torch.testing.assert_close(found, plain(z, z), rtol=1e-4, atol=0)
    found = cross_off_diagonal_energy(z[:180].float(), z[:180].float()).double()
    torch.testing.assert_close(found, plain(z[:180], z[:180]), rtol=1e-4, atol=0)


@pytest.mark.parametrize("spread", [3.0, 10.0])
def test_single_precision_with_one_dimension_far_larger_than_the_rest(spread: float) -> None:
    z = rows((100, 300), 10).detach()
    z[:, 0] *= spread
    found = off_diagonal_energy(z.float()).double()
    torch.testing.assert_close(found, plain(z, z), rtol=1e-5, atol=0)
