"""Barlow Twins: its recognisable values, its conventions, its gradient at collapse."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from method_checks import check_output, check_presets, clouds, step_of

from kb.closed_forms.registry import form
from reference_impl.methods.barlow import (
    CLAIMS,
    PRESETS,
    BarlowConfig,
    BarlowTwins,
    Convention,
    barlow_loss,
    barlow_terms,
)

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("scale", [1.0, 0.024, 0.025])
def test_constant_outputs_give_the_number_of_dimensions_and_no_gradient(
    convention: Convention, scale: float
) -> None:
    # A power of two: without eps, rounding noise of the mean would be standardised as well.
    constant = torch.full((32, 256), 0.5, dtype=torch.float64, requires_grad=True)
    loss = barlow_loss(constant, constant, convention=convention, scale=scale)
    assert loss.item() == pytest.approx(scale * 256)
    (gradient,) = torch.autograd.grad(loss, constant)
    assert gradient.abs().max() < 1e-9


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_gradient_next_to_collapse_is_finite(convention: Convention) -> None:
    pair = tuple((1e-12 * rows).float().requires_grad_() for rows in clouds(16, 8))
    gradients = torch.autograd.grad(barlow_loss(*pair, convention=convention), pair)
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_dead_dimension_does_not_poison_the_others() -> None:
    first, second = clouds(16, 8)
    for convention in CONVENTIONS:
        dead = first.clone().index_fill_(1, torch.tensor([3]), 0.0).requires_grad_()
        (gradient,) = torch.autograd.grad(barlow_loss(dead, second, convention=convention), dead)
        assert gradient.isfinite().all()
        assert gradient[:, 0].abs().max() > 0


@pytest.mark.parametrize(
    ("name", "scale"), [("barlow", 1.0), ("barlow.scaled024", 0.024), ("barlow.scaled025", 0.025)]
)
def test_unrelated_views_give_the_chance_value(name: str, scale: float) -> None:
    loss = barlow_loss(*clouds(512, 1024), scale=scale).item()
    assert loss == pytest.approx(form(name, "chance").value(batch_size=512, dim=1024), rel=5e-3)


def test_one_signal_in_every_dimension() -> None:
    signal = clouds(512, 1)[0].repeat(1, 96) * torch.linspace(-2, 3, 96)
    loss = barlow_loss(signal, signal, convention="paper").item()
    assert loss == pytest.approx(0.0051 * 96 * 95)
    assert loss == pytest.approx(form("barlow.rank_one", "collapse").value(dim=96))


def tight_frame(batch: int, dim: int) -> Any:
    """Return batch - 1 directions over `dim` dimensions, all used alike."""
    half = (batch - 1) // 2
    phase = torch.outer(torch.arange(1, half + 1).double(), torch.arange(dim).double())
    angle = 2 * torch.pi * phase / dim
    columns = torch.cat([torch.ones(batch, 1).double(), clouds(batch, batch - 1)[0]], 1)
    return torch.linalg.qr(columns)[0][:, 1:] @ torch.cat([angle.cos(), angle.sin()])


@pytest.mark.parametrize(("batch", "dim"), [(9, 24), (65, 512)])
def test_a_tight_frame_reaches_the_floor(batch: int, dim: int) -> None:
    rows = tight_frame(batch, dim)
    loss = barlow_loss(rows, rows, convention="paper").item()
    assert loss == pytest.approx(form("barlow", "floor").value(batch_size=batch, dim=dim))


@pytest.mark.parametrize(("batch", "floor"), [(2048, 125.4), (1024, 292.8), (256, 1300.0)])
def test_the_floor_at_the_published_width(batch: int, floor: float) -> None:
    assert form("barlow", "floor").value(batch_size=batch, dim=8192) == pytest.approx(floor, 1e-3)


def test_identical_views_reach_one_on_the_diagonal_in_the_paper_alone() -> None:
    rows = clouds(10, 4)[0]
    reached = {name: barlow_terms(rows, rows, convention=name).inv.item() for name in CONVENTIONS}
    assert reached["paper"] == pytest.approx(0.0, abs=1e-25)
    assert reached["algorithm"] == pytest.approx(4 * (1 - 9 / 10) ** 2)
    assert 0 < reached["official"] < 1e-8
    assert reached["algorithm"] < reached["stable_pretraining"] < reached["algorithm"] * 1.01


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_it_is_the_sum_over_the_matrix_that_is_never_built(convention: Convention) -> None:
    for batch, dim in ((12, 40), (40, 12)):
        first, second = clouds(batch, dim)
        divisors = {
            "official": lambda rows: (rows.var(0, correction=0) + 1e-5).sqrt(),
            "paper": lambda rows: rows.std(0, correction=0),
            "algorithm": lambda rows: rows.std(0),
            "stable_pretraining": lambda rows: rows.std(0) + 1e-5,
        }
        a, b = ((rows - rows.mean(0)) / divisors[convention](rows) for rows in (first, second))
        matrix = a.T @ b / batch
        off = ~torch.eye(dim, dtype=torch.bool)
        inv, cov = barlow_terms(first, second, convention=convention)
        torch.testing.assert_close(inv, (matrix.diagonal() - 1).square().sum())
        torch.testing.assert_close(cov, matrix[off].square().sum())


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_gradients_by_finite_differences(convention: Convention, shape: tuple[int, int]) -> None:
    pair = tuple(rows.requires_grad_() for rows in clouds(*shape))
    assert torch.autograd.gradcheck(lambda a, b: barlow_loss(a, b, convention=convention), pair)


def test_scale_shift_order_and_exchange_do_not_matter() -> None:
    first, second = clouds(20, 12)
    loss = barlow_loss(first, second, eps=0.0)
    rows, columns = torch.randperm(20), torch.randperm(12)
    torch.testing.assert_close(barlow_loss(second, first, eps=0.0), loss)
    torch.testing.assert_close(barlow_loss(first[rows], second[rows], eps=0.0), loss)
    torch.testing.assert_close(barlow_loss(first[:, columns], second[:, columns], eps=0.0), loss)
    torch.testing.assert_close(barlow_loss(7 * first - 2, 0.1 * second + 3, eps=0.0), loss)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    first, second = (rows.to(dtype) for rows in clouds(64, 300))
    loss = barlow_loss(first, second)
    assert loss.dtype == torch.float32
    wanted = barlow_loss(first.double(), second.double()).item()
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(barlow_loss(first.float(), second.float()), loss)


@pytest.mark.parametrize("shapes", [((4, 3), (4, 2)), ((1, 3), (1, 3)), ((2, 3, 4), (2, 3, 4))])
def test_views_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="at least two rows"):
        barlow_loss(torch.randn(shapes[0]), torch.randn(shapes[1]))


def test_a_step_adds_its_terms_and_reaches_every_parameter() -> None:
    config = BarlowConfig(dim=24, hidden_dim=16, scale=0.5, lambda_inv=0.7)
    model, output = step_of(BarlowTwins, config)
    check_output(output, 24)
    inv, cov = output.terms["term/inv"], output.terms["term/cov"]
    torch.testing.assert_close(output.loss.detach(), 0.5 * (0.7 * inv + 0.0051 * cov))
    output.loss.backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, BarlowConfig)


def test_norms_and_biases_have_the_published_rate() -> None:
    """0.0048 against 0.2, both times the batch over 256."""
    for name, rate in (("paper", 0.0048), ("official", 0.0048), ("small", 1.5e-3)):
        recipe = PRESETS[name].recipe
        assert recipe.base_lr * recipe.excluded_lr_share == pytest.approx(rate)
