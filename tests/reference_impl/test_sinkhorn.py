"""Sinkhorn-Knopp: even use of prototypes, any span of scores, any split over processes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.losses.sinkhorn import _in_logarithms, sinkhorn


def plain(scores: torch.Tensor, epsilon: float, iterations: int) -> torch.Tensor:
    """Return the codes by scaling the whole matrix, as the paper's Algorithm does."""
    mass = (scores / epsilon).exp()
    mass = mass / mass.sum()
    for _ in range(iterations):
        mass = mass / mass.sum(dim=0) / mass.shape[1]
        mass = mass / mass.sum(dim=1, keepdim=True) / mass.shape[0]
    return mass * mass.shape[0]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from([0.03, 0.05, 0.5]),
    st.integers(0, 10_000),
)
def test_both_routes_equal_the_plain_one(
    batch: int, prototypes: int, iterations: int, epsilon: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(batch, prototypes, generator=generator, dtype=torch.float64) * 2 - 1
    expected = plain(scores, epsilon, iterations)
    torch.testing.assert_close(sinkhorn(scores, epsilon, iterations), expected)
    torch.testing.assert_close(sinkhorn(scores, epsilon, iterations, bound=1.0), expected)
    torch.testing.assert_close(_in_logarithms(scores / epsilon, iterations), expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.001, 100.0))
def test_codes_are_distributions_at_any_scale(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = sinkhorn(scale * torch.randn(16, 8, generator=generator))
    assert torch.isfinite(codes).all()
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(16))


def test_prototypes_are_used_evenly_in_the_end() -> None:
    torch.manual_seed(0)
    codes = sinkhorn(torch.randn(64, 8, dtype=torch.float64), 0.5, 200)
    torch.testing.assert_close(codes.mean(dim=0), torch.full((8,), 1 / 8, dtype=torch.float64))


def test_equal_scores_give_uniform_codes_and_offsets_of_a_sample_remain() -> None:
    torch.testing.assert_close(sinkhorn(torch.full((5, 7), 0.3)), torch.full((5, 7), 1 / 7))
    one = torch.randn(6, 1).expand(6, 4)  # every sample equal in all its scores
    torch.testing.assert_close(sinkhorn(one), torch.full((6, 4), 1 / 4))


def test_scores_whose_exponential_overflows() -> None:
    scores = torch.tensor([[500.0, 0.0], [0.0, 500.0]])
    torch.testing.assert_close(sinkhorn(scores), torch.eye(2))
    torch.testing.assert_close(sinkhorn(-scores), 1 - torch.eye(2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    scores = (torch.rand(32, 16) * 2 - 1).to(dtype)
    codes = sinkhorn(scores)
    assert codes.dtype == torch.float32
    torch.testing.assert_close(codes, sinkhorn(scores.float()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_does_not_reach_the_products(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    scores = torch.rand(32, 16) * 2 - 1
    with torch.autocast("cpu", dtype=dtype):
        codes = sinkhorn(scores, bound=1.0)
    torch.testing.assert_close(codes, sinkhorn(scores, bound=1.0))


def test_the_scores_are_left_as_they_are_and_get_no_gradient() -> None:
    scores = torch.randn(4, 3, requires_grad=True)
    before = scores.detach().clone()
    assert not sinkhorn(scores, 1.0).requires_grad
    assert torch.equal(scores.detach(), before)


@pytest.mark.parametrize(("epsilon", "iterations"), [(0.0, 3), (0.05, 0)])
def test_impossible_settings_are_refused(epsilon: float, iterations: int) -> None:
    with pytest.raises(ValueError, match="at least 1 iteration"):
        sinkhorn(torch.zeros(2, 2), epsilon, iterations)
