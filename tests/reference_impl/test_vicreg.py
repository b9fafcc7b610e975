"""VICReg: its recognisable values, its conventions, its gradient at collapse, many processes."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from method_checks import check_output, check_presets, clouds, step_of

from kb.closed_forms.registry import form
from reference_impl.methods.vicreg import (
    CLAIMS,
    PRESETS,
    Convention,
    VICReg,
    VICRegConfig,
    vicreg_loss,
    vicreg_terms,
)

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@pytest.mark.parametrize(("convention", "value"), [("official", 24.75), ("paper", 49.50)])
def test_constant_outputs_give_the_collapse_value_and_no_gradient(
    convention: Convention, value: float
) -> None:
    constant = torch.full((32, 64), 0.3, requires_grad=True)
    loss = vicreg_loss(constant, constant, convention=convention)
    assert loss.item() == pytest.approx(value, abs=1e-5)
    (gradient,) = torch.autograd.grad(loss, constant)
    assert gradient.abs().max() == 0


def test_without_eps_the_gradient_at_collapse_is_nan() -> None:
    constant = torch.zeros(8, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(vicreg_loss(constant, constant, eps=0.0), constant)
    assert gradient.isnan().all()


def test_unrelated_normal_views_give_the_chance_terms() -> None:
    terms = vicreg_terms(*clouds(512, 2048))
    assert terms.inv.item() == pytest.approx(2.0, rel=0.01)
    assert terms.cov.item() == pytest.approx(2 * 2047 / 511, rel=0.01)
    assert vicreg_loss(*clouds(512, 2048)).item() == pytest.approx(58.33, rel=0.01)


@pytest.mark.parametrize(
    ("convention", "name"),
    [("official", "vicreg"), ("paper", "vicreg.sum2"), ("halved", "vicreg.half_cov")],
)
def test_the_closed_forms_hold(convention: Convention, name: str) -> None:
    loss = vicreg_loss(*clouds(512, 256), convention=convention).item()
    chance = form(name, "chance").value(batch_size=512, dim=256)
    assert loss == pytest.approx(chance, rel=0.01)
    constant = torch.zeros(8, 4)
    collapse = form(name, "collapse").value()
    assert vicreg_loss(constant, constant, convention=convention).item() == pytest.approx(collapse)


def test_one_signal_in_every_dimension() -> None:
    signal = clouds(4096, 1)[0]
    signal = (signal - signal.mean()) / signal.std()
    cov = vicreg_terms(signal.repeat(1, 96), signal.repeat(1, 96)).cov
    assert cov.item() == pytest.approx(2 * 95, rel=1e-9)
    assert cov.item() == pytest.approx(form("vicreg.rank_one", "collapse").value(dim=96))


def test_a_tight_frame_reaches_the_floor_with_fewer_samples_than_dimensions() -> None:
    batch, dim = 9, 24
    # Eight directions over 24 dimensions, all used alike: variance 1, covariances minimal.
    phase = torch.outer(torch.arange(1, 5).double(), torch.arange(dim).double())
    angle = 2 * torch.pi * phase / dim
    frame = torch.cat([angle.cos(), angle.sin()]) * (2 / dim) ** 0.5
    columns = torch.cat([torch.ones(batch, 1).double(), clouds(batch, 8)[0]], 1)
    rows = torch.linalg.qr(columns)[0][:, 1:] @ frame * float(dim * (batch - 1) / 8) ** 0.5
    terms = vicreg_terms(rows, rows)
    assert terms.var.item() == 0.0
    assert terms.cov.item() == pytest.approx(2 * (dim / (batch - 1) - 1), rel=1e-9)
    floor = form("vicreg", "floor").value(batch_size=batch, dim=dim)
    assert vicreg_loss(rows, rows).item() == pytest.approx(floor)


def test_unit_vectors_cannot_close_the_hinge() -> None:
    first, second = (torch.nn.functional.normalize(rows) for rows in clouds(2048, 128))
    var = vicreg_terms(first, second).var.item()
    assert 25 * var == pytest.approx(form("vicreg.l2_normalised", "floor").value(dim=128), 2e-3)


def test_conventions_differ_by_the_named_factors() -> None:
    first, second = clouds(40, 16, seed=3)
    first = 0.5 * first
    official = vicreg_terms(first, second)
    factors = {
        "official": (1, 1, 1),
        "paper": (1, 2, 1),
        "paper_text": (16, 2, 1),
        "halved": (1, 1, 1 / 2),
        "eb_jepa": (1, 2, 1 / 15),
    }
    for convention in CONVENTIONS:
        terms = vicreg_terms(first, second, convention=convention)
        for value, base, factor in zip(terms, official, factors[convention], strict=True):
            torch.testing.assert_close(value, factor * base)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradients_by_finite_differences(convention: Convention) -> None:
    pair = tuple((0.4 * rows).requires_grad_() for rows in clouds(5, 7))
    assert torch.autograd.gradcheck(lambda a, b: vicreg_loss(a, b, convention=convention), pair)


def test_views_samples_and_dimensions_may_be_exchanged_and_all_be_shifted() -> None:
    first, second = clouds(20, 12)
    loss = vicreg_loss(first, second)
    rows, columns = torch.randperm(20), torch.randperm(12)
    torch.testing.assert_close(vicreg_loss(second, first), loss)
    torch.testing.assert_close(vicreg_loss(first[rows], second[rows]), loss)
    torch.testing.assert_close(vicreg_loss(first[:, columns], second[:, columns]), loss)
    torch.testing.assert_close(vicreg_loss(first + 3.0, second + 3.0), loss)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    first, second = (rows.to(dtype) for rows in clouds(64, 300))
    loss = vicreg_loss(first, second)
    assert loss.dtype == torch.float32
    wanted = vicreg_loss(first.double(), second.double()).item()
    assert loss.item() == pytest.approx(wanted, 1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = vicreg_loss(first.float(), second.float())
    torch.testing.assert_close(inside, loss)


def test_squares_that_overflow_half_precision_stay_finite() -> None:
    assert vicreg_loss(*((1e3 * rows).half() for rows in clouds(32, 64))).isfinite()


@pytest.mark.parametrize("shapes", [((4, 3), (4, 2)), ((1, 3), (1, 3)), ((2, 3, 4), (2, 3, 4))])
def test_views_that_do_not_fit_are_refused(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(ValueError, match="at least two rows"):
        vicreg_loss(torch.randn(shapes[0]), torch.randn(shapes[1]))


def test_a_step_adds_its_terms_and_reaches_every_parameter() -> None:
    model, output = step_of(VICReg, VICRegConfig(dim=24, hidden_dim=16))
    check_output(output, 24)
    inv, var, cov = (output.terms[f"term/{name}"] for name in ("inv", "var", "cov"))
    torch.testing.assert_close(output.loss.detach(), 25 * inv + 25 * var + cov)
    output.loss.backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, VICRegConfig)
