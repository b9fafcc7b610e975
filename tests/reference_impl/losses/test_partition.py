"""The log partition in tiles equals the one of the whole matrix, and so does its gradient."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from reference_impl.losses import tiles
from reference_impl.losses.partition import log_partition, log_partition_among, log_partitions

sizes = st.integers(1, 13)
KEPT = tiles.KEPT_ENTRIES
kept_entries = st.sampled_from([0, KEPT])
"""None of the tiles is kept for the backward pass, or all of these small ones are."""


def cloud(rows: int, width: int = 3, seed: int = 0, dtype: Any = torch.float64) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator, dtype=dtype).requires_grad_()


def dense(queries: Any, keys: Any, scale: Any, skip: tuple[int, ...] = ()) -> Any:
    """Return the log partitions of the whole matrix."""
    scores = scale * queries @ keys.T
    apart = torch.arange(len(keys))[None, :] - torch.arange(len(queries))[:, None]
    for offset in skip:
        scores = scores.masked_fill(apart == offset, -torch.inf)
    return scores.logsumexp(1)


def agree(found: Any, expected: Any, inputs: list[Any], tol: float = 1e-12) -> None:
    """Assert that two outputs are equal, and the gradients of a weighted sum of them."""
    torch.testing.assert_close(found, expected, rtol=tol, atol=tol)
    weights = torch.linspace(-1, 2, len(found), dtype=found.dtype)
    gradients = [torch.autograd.grad((x * weights).sum(), inputs) for x in (found, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=tol, atol=tol)


@given(sizes, sizes, st.integers(1, 5), st.floats(-3, 30), st.integers(-3, 3), kept_entries)
@settings(max_examples=60, deadline=None)
def test_rows_over_columns(
    rows: int, columns: int, side: int, factor: float, offset: int, kept: int
) -> None:
    queries, keys, scale = cloud(rows), cloud(columns, seed=1), torch.tensor(factor).double()
    scale.requires_grad_()
    skip = (offset,) if columns > 1 else ()
    with patch.object(tiles, "KEPT_ENTRIES", kept):
        found = log_partition(queries, keys, scale, skip=skip, side=side)
    agree(found, dense(queries, keys, scale, skip), [queries, keys, scale])


@given(sizes, sizes, st.integers(1, 5), st.floats(-3, 30), kept_entries)
@settings(max_examples=40, deadline=None)
def test_both_directions_in_one_visit(
    rows: int, columns: int, side: int, factor: float, kept: int
) -> None:
    one, other, scale = cloud(rows), cloud(columns, seed=1), torch.tensor(factor).double()
    scale.requires_grad_()
    with patch.object(tiles, "KEPT_ENTRIES", kept):
        found = torch.cat(log_partitions(one, other, scale, side=side))
    expected = torch.cat([dense(one, other, scale), dense(other, one, scale)])
    agree(found, expected, [one, other, scale])


@given(st.integers(2, 7), st.integers(1, 6), st.floats(-3, 30), st.booleans(), kept_entries)
@settings(max_examples=40, deadline=None)
def test_a_symmetric_matrix(
    half: int, side: int, factor: float, decoupled: bool, kept: int
) -> None:
    rows, scale = cloud(2 * half), torch.tensor(factor).double().requires_grad_()
    skip = (0, half, -half) if decoupled else (0,)
    with patch.object(tiles, "KEPT_ENTRIES", kept):
        found = log_partition_among(rows, scale, skip=skip, side=side)
    agree(found, dense(rows, rows, scale, skip), [rows, scale])


@pytest.fixture(params=["tiles kept", "tiles made again"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with matrices that are kept for the backward pass, and with none kept."""
    if request.param == "tiles made again":
        monkeypatch.setattr(tiles, "KEPT_ENTRIES", 0)


@pytest.mark.usefixtures("either_way")
def test_a_kept_graph_can_be_walked_twice() -> None:
    rows, other = cloud(6), cloud(5, seed=1)
    outcome = log_partition_among(rows, 2.0, side=2).sum() + log_partition(rows, other, 2.0).sum()
    first = torch.autograd.grad(outcome, rows, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(outcome, rows)[0], first)


@pytest.mark.usefixtures("either_way")
def test_gradients_by_finite_differences() -> None:
    queries, keys = cloud(4), cloud(5, seed=1)
    scale = torch.tensor(1.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda q, k, s: log_partition(q, k, s, skip=(1,), side=2), (queries, keys, scale)
    )
    assert torch.autograd.gradcheck(
        lambda q, k, s: torch.cat(log_partitions(q, k, s, side=3)), (queries, keys, scale)
    )
    assert torch.autograd.gradcheck(
        lambda q, s: log_partition_among(q, s, side=3), (queries, scale)
    )


def test_only_one_direction_of_two_has_a_gradient() -> None:
    one, other = cloud(4), cloud(6, seed=1)
    agree(log_partitions(one, other, 2.0, side=2)[1], dense(other, one, 2.0), [one, other])


def test_keys_without_a_gradient_get_none() -> None:
    queries, keys = cloud(4), cloud(5, seed=1).detach()
    log_partition(queries, keys, 3.0).sum().backward()
    assert queries.grad is not None
    assert keys.grad is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: Any) -> None:
    rows = normalize(cloud(40, 16, dtype=torch.float32).detach(), dim=1).to(dtype)
    rows.requires_grad_()
    found = log_partition_among(rows, 100.0)
    assert found.dtype == torch.float32
    exact = dense(rows.double(), rows.double(), 100.0, (0,))
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)
    found.sum().backward()
    assert rows.grad.dtype == dtype


def test_autocast_does_not_lower_the_precision() -> None:
    rows = normalize(cloud(40, 16, dtype=torch.float32).detach(), dim=1).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = log_partition_among(rows, 100.0)
        (gradient,) = torch.autograd.grad(inside.sum(), rows)
    outside = log_partition_among(rows, 100.0)
    (expected,) = torch.autograd.grad(outside.sum(), rows)
    assert torch.equal(inside, outside)
    assert torch.equal(gradient, expected)


def test_similarities_far_apart_do_not_underflow() -> None:
    # One row whose every similarity lies 2,000 below those of the others.
    rows = torch.tensor([[1.0, 0.0]] * 5 + [[-1.0, 0.0]], dtype=torch.float32)
    found = log_partition(rows, rows[:5], 1000.0, side=2)
    assert float(found[5]) == pytest.approx(-1000 + float(torch.tensor(5.0).log()), rel=1e-6)
    assert float(found[0]) == pytest.approx(1000 + float(torch.tensor(5.0).log()), rel=1e-6)


def test_a_nan_is_not_hidden() -> None:
    rows = cloud(6).detach()
    rows[2, 1] = torch.nan
    assert log_partition_among(rows, 2.0, side=2).isnan().all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one width, found shapes \(3, 3\) and \(3, 4\)"):
        log_partition(cloud(3), cloud(3, width=4), 1.0)
    with pytest.raises(ValueError, match=r"with their negatives, found \(2,\)"):
        log_partition_among(cloud(3), 1.0, skip=(2,))
