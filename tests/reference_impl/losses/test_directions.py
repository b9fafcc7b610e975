"""The gap between directions equals its definition, value and gradient, near agreement too."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from reference_impl.losses.directions import cosine, squared_gap


def pair(batch: int, dim: int, seed: int = 0) -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(seed)
    rows, others = torch.randn(2, batch, dim, generator=generator, dtype=torch.float64)
    return rows.requires_grad_(), others.requires_grad_()


def defined(rows: Any, others: Any) -> Any:
    return (normalize(rows, dim=1) - normalize(others, dim=1)).square().sum(1)


def defined_cosine(rows: Any, others: Any) -> Any:
    return (normalize(rows, dim=1) * normalize(others, dim=1)).sum(1)


@given(
    st.sampled_from([(squared_gap, defined), (cosine, defined_cosine)]),
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_value_and_both_gradients(functions: Any, batch: int, dim: int, seed: int) -> None:
    rows, others = pair(batch, dim, seed)
    found, expected = (each(rows, others) for each in functions)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    weights = torch.linspace(1, 2, batch, dtype=torch.float64)
    ours = torch.autograd.grad((found * weights).sum(), (rows, others))
    theirs = torch.autograd.grad((expected * weights).sum(), (rows, others))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_gradient_by_finite_differences() -> None:
    assert torch.autograd.gradcheck(squared_gap, pair(3, 4))
    assert torch.autograd.gradcheck(cosine, pair(3, 4))


def test_digits_are_kept_where_a_pair_nearly_agrees() -> None:
    rows, _ = pair(8, 64)
    near = rows + 1e-5 * torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
    exact = defined(rows, near)
    found = squared_gap(rows.float(), near.float())
    torch.testing.assert_close(found.double(), exact, rtol=2e-2, atol=0)


def test_zero_rows_stay_finite() -> None:
    zero, other = torch.zeros(2, 3, requires_grad=True), torch.ones(2, 3)
    gap = squared_gap(zero, other)
    assert gap.tolist() == pytest.approx([1.0, 1.0])
    assert cosine(zero, other).tolist() == [0.0, 0.0]
    gap.sum().backward()
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


def test_a_zero_vector_turns_nothing() -> None:
    # |a/|a| - 0|^2 is 1 whatever a is.
    rows, zero = torch.tensor([[3.0, 4.0]], requires_grad=True), torch.zeros(1, 2)
    for gap in (squared_gap(rows, zero), squared_gap(zero, rows)):
        gap.sum().backward()
        torch.testing.assert_close(rows.grad, torch.zeros(1, 2), rtol=0, atol=1e-7)
        rows.grad = None


def test_half_precision_and_targets_without_gradient() -> None:
    rows, others = (each.detach().bfloat16() for each in pair(4, 16))
    rows.requires_grad_()
    gap = squared_gap(rows, others)
    assert gap.dtype == torch.float32
    gap.sum().backward()
    assert rows.grad.dtype == torch.bfloat16
    assert others.grad is None


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"one shape, found \(2, 3\) and \(3, 3\)"):
        squared_gap(torch.zeros(2, 3), torch.zeros(3, 3))
