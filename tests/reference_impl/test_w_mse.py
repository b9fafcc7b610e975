"""W-MSE: what whitening leaves, the recognisable values, the conventions, singular slices."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from method_checks import check_output, check_presets, clouds, step_of

from reference_impl.methods.w_mse import (
    CLAIMS,
    PRESETS,
    WMSE,
    Convention,
    SingularCovarianceError,
    WMSEConfig,
    w_mse_loss,
    whitened,
    zca_whitened,
)


def orders(batch: int, iterations: int = 1) -> Any:
    generator = torch.Generator().manual_seed(5)
    return torch.stack([torch.randperm(batch, generator=generator) for _ in range(iterations)])


@pytest.mark.parametrize("whiten", [whitened, zca_whitened])
def test_a_whitened_slice_has_mean_nought_and_the_identity_as_covariance(whiten: Any) -> None:
    rows = clouds(40, 8)[0] @ clouds(8, 8, seed=2)[0] + 5.0
    made = whiten(rows)
    torch.testing.assert_close(made.mean(0), torch.zeros(8).double())
    torch.testing.assert_close(torch.cov(made.T), torch.eye(8).double(), rtol=1e-8, atol=1e-8)


def test_whitening_keeps_the_first_dimension_and_forgets_scale() -> None:
    rows = clouds(40, 4)[0]
    made = whitened(rows)
    first = (rows[:, 0] - rows[:, 0].mean()) / rows[:, 0].std()
    torch.testing.assert_close(made[:, 0], first)
    torch.testing.assert_close(whitened(7.0 * rows - 2.0), made)


def test_eps_shrinks_towards_the_identity() -> None:
    rows = 3.0 * clouds(60, 4)[0]
    shrunk = torch.cov(whitened(rows, eps=0.5).T)
    assert torch.linalg.eigvalsh(shrunk).min() > 1.0
    torch.testing.assert_close(whitened(rows, eps=1.0), rows - rows.mean(0))


@pytest.mark.parametrize("iterations", [1, 3])
def test_unrelated_views_give_two_and_equal_ones_nought(iterations: int) -> None:
    first, second = clouds(1024, 32)
    found = orders(1024, iterations)
    assert w_mse_loss((first, second), found).item() == pytest.approx(2.0, rel=0.03)
    assert w_mse_loss((first, first), found).item() == pytest.approx(0.0, abs=1e-12)
    plain = w_mse_loss((first, second), found, convention="euclidean").item()
    assert plain == pytest.approx(2.0 * 127 / 128, rel=0.03)
    joint = w_mse_loss((first, second), found, convention="stable_pretraining").item()
    assert joint == pytest.approx(2.0 / 32, rel=0.03)


def test_it_is_the_mean_over_pairs_slices_and_orders() -> None:
    views, found = clouds(12, 2, views=3), orders(12, 2)
    distances = []
    for order in found:
        made = [torch.empty_like(view) for view in views]
        for start in (0, 6):
            one = order[start : start + 6]
            for view, target in zip(views, made, strict=True):
                target[one] = whitened(view[one])
        for a, b in ((0, 1), (0, 2), (1, 2)):
            cosine = torch.cosine_similarity(made[a], made[b])
            distances.append((2 - 2 * cosine).mean())
    loss = w_mse_loss(views, found, slice_size=6)
    torch.testing.assert_close(loss, torch.stack(distances).mean())


@pytest.mark.parametrize(
    ("convention", "eps"),
    [("official", 0.0), ("official", 0.1), ("euclidean", 0.0), ("stable_pretraining", 1e-3)],
)
def test_gradients_by_finite_differences(convention: Convention, eps: float) -> None:
    pair = tuple(rows.requires_grad_() for rows in clouds(12, 3))
    assert torch.autograd.gradcheck(
        lambda a, b: w_mse_loss(
            (a, b), orders(12, 2), slice_size=6, eps=eps, convention=convention
        ),
        pair,
    )


@pytest.mark.parametrize("convention", ["official", "euclidean", "stable_pretraining"])
def test_a_triangular_map_or_an_exchange_of_views_changes_nothing(
    convention: Convention,
) -> None:
    first, second = clouds(24, 3)
    triangle = torch.tril(clouds(3, 3, seed=4)[0]).fill_diagonal_(2.0)
    found = orders(24)
    loss = w_mse_loss((first, second), found, slice_size=12, convention=convention)
    moved = (first @ triangle.T + 1.0, second @ triangle.T + 1.0)
    if convention != "stable_pretraining":
        # Cholesky whitening undoes a lower triangular map exactly.
        changed = w_mse_loss(moved, found, slice_size=12, convention=convention)
        torch.testing.assert_close(changed, loss)
    swapped = w_mse_loss((second, first), found, slice_size=12, convention=convention)
    torch.testing.assert_close(swapped, loss)


def test_collapsed_embeddings_cannot_be_whitened_and_the_error_says_what_to_do() -> None:
    constant = torch.full((32, 4), 0.5)
    with pytest.raises(SingularCovarianceError, match=r"32 embeddings of width 4 .* eps above 0"):
        w_mse_loss((constant, constant), orders(32), slice_size=32)
    few = clouds(32, 12)
    with pytest.raises(SingularCovarianceError, match="twice the width"):
        w_mse_loss(few, orders(32), slice_size=8)


def test_the_floor_of_each_convention_is_its_own_unless_named() -> None:
    few = clouds(4, 12)  # 8 rows: the covariance has no full rank
    floored = w_mse_loss(few, orders(4), convention="stable_pretraining")
    assert floored.isfinite()
    named = w_mse_loss(few, orders(4), eps=1e-3, convention="stable_pretraining")
    torch.testing.assert_close(floored, named, rtol=0, atol=0)
    wide = clouds(32, 4)
    bare = w_mse_loss(wide, orders(32), slice_size=32)
    torch.testing.assert_close(bare, w_mse_loss(wide, orders(32), slice_size=32, eps=0.0))


def test_with_eps_the_gradient_at_collapse_is_finite() -> None:
    constant = torch.full((32, 4), 0.5, requires_grad=True)
    loss = w_mse_loss((constant, constant), orders(32), slice_size=32, eps=0.01)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, constant)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("convention", ["official", "stable_pretraining"])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype, convention: Convention) -> None:
    views = [rows.to(dtype) for rows in clouds(64, 8)]
    loss = w_mse_loss(views, orders(64), slice_size=32, convention=convention)
    assert loss.dtype == torch.float32
    double = [rows.double() for rows in views]
    wanted = w_mse_loss(double, orders(64), slice_size=32, convention=convention).item()
    assert loss.item() == pytest.approx(wanted, rel=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = w_mse_loss(
            [rows.float() for rows in views], orders(64), slice_size=32, convention=convention
        )
    torch.testing.assert_close(inside, loss)


@pytest.mark.parametrize("size", [1, 10, 64])
def test_a_batch_that_cannot_be_cut_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"slices of {size}"):
        w_mse_loss(clouds(32, 4), orders(32), slice_size=size)


SMALL = WMSEConfig(dim=2, hidden_dim=16, slice_size=8, iterations=2)


@pytest.mark.parametrize("views", [2, 3])
def test_a_step_compares_all_views_and_reaches_every_parameter(views: int) -> None:
    model, output = step_of(WMSE, SMALL, views=views)
    check_output(output, 2, views=views)
    assert 0 < output.loss.item() < 4
    output.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_without_whitening_the_views_are_compared_as_they_are() -> None:
    config = WMSEConfig(dim=2, hidden_dim=16, slice_size=8, whiten=False)
    _, output = step_of(WMSE, config)
    cosine = torch.cosine_similarity(*output.embeddings)
    torch.testing.assert_close(output.loss.detach(), (2 - 2 * cosine).mean())


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, WMSEConfig)
