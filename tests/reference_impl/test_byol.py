"""BYOL: its recognisable values, its conventions, its target network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from method_checks import check_output, check_presets, clouds, step_of

from kb.closed_forms.registry import form
from reference_impl.ema import lag
from reference_impl.methods.byol import (
    BYOL,
    CLAIMS,
    PRESETS,
    BYOLConfig,
    Convention,
    byol_loss,
)

UNRELATED: dict[Convention, float] = {
    "official": 4.0,
    "mean": 2.0,
    "mse": 2 / 256,
    "cosine": 0.0,
}


def four(batch: int, dim: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    p1, p2, t1, t2 = clouds(batch, dim, views=4)
    return (p1, p2), (t1, t2)


@pytest.mark.parametrize("convention", UNRELATED)
def test_unrelated_vectors(convention: Convention) -> None:
    loss = byol_loss(*four(2048, 256), convention=convention).item()
    assert loss == pytest.approx(UNRELATED[convention], rel=2e-3, abs=2e-3)


@pytest.mark.parametrize("convention", UNRELATED)
def test_constant_outputs_reach_the_floor_with_a_finite_gradient(convention: Convention) -> None:
    constant = torch.full((16, 32), 0.3, requires_grad=True)
    loss = byol_loss((constant, constant), (constant, constant), convention=convention)
    assert loss.item() == pytest.approx(-1.0 if convention == "cosine" else 0.0, abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, constant)
    assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize(("name", "convention"), [("byol", "mean"), ("byol.sum2", "official")])
def test_the_closed_forms_hold(name: str, convention: Convention) -> None:
    loss = byol_loss(*four(4096, 64), convention=convention).item()
    assert loss == pytest.approx(form(name, "chance").value(), 1e-2)
    assert form("byol", "collapse").value() == 0.0


def test_opposite_and_zero_vectors() -> None:
    rows, other = clouds(8, 5)
    far = byol_loss((rows, rows), (-rows, -rows))
    assert far.item() == pytest.approx(8.0)
    zero = torch.zeros(8, 5, dtype=torch.float64, requires_grad=True)
    loss = byol_loss((zero, zero), (other, other))
    assert loss.item() == pytest.approx(2.0)
    assert torch.autograd.grad(loss, zero)[0].isfinite().all()


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_lengths_do_not_matter_and_views_may_be_exchanged(first: float, second: float) -> None:
    (p1, p2), (t1, t2) = four(6, 4)
    loss = byol_loss((p1, p2), (t1, t2))
    torch.testing.assert_close(byol_loss((first * p1, p2), (t1, second * t2)), loss)
    torch.testing.assert_close(byol_loss((p2, p1), (t2, t1)), loss)


@pytest.mark.parametrize("convention", UNRELATED)
def test_gradients_reach_predictions_alone(convention: Convention) -> None:
    predictions, targets = four(5, 4)
    leaves = tuple(rows.requires_grad_() for rows in (*predictions, *targets))
    loss = byol_loss(predictions, targets, convention=convention)
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert found[2:] == (None, None)
    assert torch.autograd.gradcheck(
        lambda p1, p2: byol_loss((p1, p2), targets, convention=convention), leaves[:2]
    )


def test_a_small_distance_keeps_its_digits_in_single_precision() -> None:
    rows, noise = clouds(16, 64)
    near = rows + 1e-5 * noise
    wanted = byol_loss((near, near), (rows, rows)).item()
    single = byol_loss((near.float(), near.float()), (rows.float(), rows.float())).item()
    assert single == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    predictions, targets = (tuple(r.to(dtype) for r in pair) for pair in four(32, 64))
    loss = byol_loss(predictions, targets)
    assert loss.dtype == torch.float32
    doubled = (tuple(r.double() for r in pair) for pair in (predictions, targets))
    assert loss.item() == pytest.approx(byol_loss(*doubled).item(), rel=1e-6)


def test_shapes_that_do_not_fit_are_refused() -> None:
    first, second = torch.randn(4, 3), torch.randn(4, 2)
    with pytest.raises(ValueError, match=r"found \(4, 3\) and \(4, 2\)"):
        byol_loss((first, first), (second, second))


SMALL = BYOLConfig(dim=24, hidden_dim=16, predictor_dim=12, ema_momentum=0.9)


def test_a_step_reaches_the_online_network_alone() -> None:
    model, output = step_of(BYOL, SMALL)
    check_output(output, 24)
    assert 0 < output.loss.item() < 8
    output.loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is None) == name.startswith("target_"), name


def moved(**changes: Any) -> tuple[BYOL, dict[str, float]]:
    """Return a model whose online network was shifted and whose target then followed."""
    model, _ = step_of(BYOL, BYOLConfig(**{**vars(SMALL), **changes}))
    assert isinstance(model, BYOL)
    assert lag(model.target_encoder, model.encoder) == 0.0
    with torch.no_grad():
        for parameter in (*model.encoder.parameters(), *model.projector.parameters()):
            parameter.add_(1.0)
    return model, dict(model.after_update(0.5))


def test_the_target_follows_by_its_momentum() -> None:
    model, logged = moved(ema_schedule="constant")
    assert logged == {"ema_m": 0.9}
    for online, target in (
        (model.encoder, model.target_encoder),
        (model.projector, model.target_projector),
    ):
        for one, other in zip(online.parameters(), target.parameters(), strict=True):
            torch.testing.assert_close(one - other, torch.full_like(one, 0.9))


@pytest.mark.parametrize(("momentum", "share"), [(0.0, 0.0), (1.0, 1.0)])
def test_momentum_nought_copies_and_one_freezes(momentum: float, share: float) -> None:
    model, _ = moved(ema_momentum=momentum, ema_schedule="constant")
    for one, other in zip(
        model.encoder.parameters(), model.target_encoder.parameters(), strict=True
    ):
        torch.testing.assert_close(one - other, torch.full_like(one, share), atol=1e-6, rtol=0)


def test_the_momentum_rises_along_a_cosine() -> None:
    _, logged = moved()
    assert logged["ema_m"] == pytest.approx(0.95)


def test_without_a_predictor_the_projection_is_compared() -> None:
    model, output = step_of(BYOL, BYOLConfig(dim=24, hidden_dim=16, predictor=False))
    assert sum(1 for _ in model.predictor.parameters()) == 0
    # Target and online network are equal at the start: only the views differ.
    output.loss.backward()
    assert model.projector[0].weight.grad is not None


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, BYOLConfig)
