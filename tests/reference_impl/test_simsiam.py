"""SimSiam: its recognisable values, what stops the gradient, the parts that can be left out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from method_checks import check_output, check_presets, clouds, step_of

from kb.closed_forms.registry import form
from reference_impl.method import Batch
from reference_impl.methods.simsiam import (
    CLAIMS,
    PRESETS,
    SimSiam,
    SimSiamConfig,
    simsiam_loss,
)


def four(batch: int, dim: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    p1, p2, z1, z2 = clouds(batch, dim, views=4)
    return (p1, p2), (z1, z2)


def test_unrelated_vectors_give_nought() -> None:
    assert simsiam_loss(*four(4096, 128)).item() == pytest.approx(0.0, abs=2e-3)
    assert form("simsiam", "chance").value() == 0.0


def test_constant_outputs_reach_the_best_value_without_a_gradient() -> None:
    constant = torch.full((16, 32), 0.3, requires_grad=True)
    loss = simsiam_loss((constant, constant), (constant, constant))
    assert loss.item() == pytest.approx(-1.0, abs=1e-6)
    assert form("simsiam", "collapse").value() == form("simsiam", "floor").value() == -1.0
    (gradient,) = torch.autograd.grad(loss, constant)
    assert gradient.abs().max() < 1e-6


def test_zero_outputs_are_finite() -> None:
    zero = torch.zeros(4, 6, requires_grad=True)
    loss = simsiam_loss((zero, zero), (zero, zero))
    assert loss.item() == 0.0
    assert torch.autograd.grad(loss, zero)[0].isfinite().all()


def test_lengths_do_not_matter_and_views_may_be_exchanged() -> None:
    (p1, p2), (z1, z2) = four(6, 4)
    loss = simsiam_loss((p1, p2), (z1, z2))
    torch.testing.assert_close(simsiam_loss((3 * p1, p2), (z1, 0.1 * z2)), loss)
    torch.testing.assert_close(simsiam_loss((p2, p1), (z2, z1)), loss)
    one_way = simsiam_loss((p1, p2), (z1, z2), symmetric=False)
    other_way = simsiam_loss((p2, p1), (z2, z1), symmetric=False)
    torch.testing.assert_close((one_way + other_way) / 2, loss)


@pytest.mark.parametrize("symmetric", [True, False])
def test_gradients_by_finite_differences(symmetric: bool) -> None:
    predictions, targets = four(5, 4)
    leaves = tuple(rows.requires_grad_() for rows in (*predictions, *targets))
    assert torch.autograd.gradcheck(
        lambda p1, p2, z1, z2: simsiam_loss(
            (p1, p2), (z1, z2), stop_gradient=False, symmetric=symmetric
        ),
        leaves,
    )
    loss = simsiam_loss(predictions, targets, symmetric=symmetric)
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert found[2:] == (None, None)
    assert (found[1] is None) == (not symmetric)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    predictions, targets = (tuple(r.to(dtype) for r in pair) for pair in four(32, 64))
    loss = simsiam_loss(predictions, targets)
    assert loss.dtype == torch.float32
    doubled = (tuple(r.double() for r in pair) for pair in (predictions, targets))
    assert loss.item() == pytest.approx(simsiam_loss(*doubled).item(), abs=1e-6)


def test_shapes_that_do_not_fit_are_refused() -> None:
    first, second = torch.randn(4, 3), torch.randn(4, 2)
    with pytest.raises(ValueError, match=r"found \(4, 3\) and \(4, 2\)"):
        simsiam_loss((first, first), (second, second))


SMALL = {"dim": 24, "hidden_dim": 16, "predictor_dim": 12}


def test_a_step_reaches_every_parameter() -> None:
    model, output = step_of(SimSiam, SimSiamConfig(**SMALL))  # type: ignore[arg-type]
    check_output(output, 24)
    assert -1 <= output.loss.item() <= 1
    output.loss.backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())
    assert model.after_update(0.3) == {}


def test_the_projection_is_standardised_and_the_prediction_is_not() -> None:
    model, output = step_of(SimSiam, SimSiamConfig(**SMALL))  # type: ignore[arg-type]
    for rows in output.embeddings:
        torch.testing.assert_close(rows.mean(0), torch.zeros(24), atol=1e-5, rtol=0)
        torch.testing.assert_close(rows.var(0, correction=0), torch.ones(24), atol=0.05, rtol=0)
    assert [type(layer).__name__ for layer in model.predictor] == [
        "Linear",
        "BatchNorm1d",
        "ReLU",
        "Linear",
    ]
    plain, _ = step_of(SimSiam, SimSiamConfig(head_norm=False, **SMALL))  # type: ignore[arg-type]
    heads = [*plain.projector, *plain.predictor]
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in heads)


def test_the_stop_gradient_changes_what_the_projector_learns_and_not_the_loss() -> None:
    gradients, losses = [], []
    for stop in (True, False):
        config = SimSiamConfig(stop_gradient=stop, **SMALL)  # type: ignore[arg-type]
        model, output = step_of(SimSiam, config)
        output.loss.backward()
        gradients.append(model.projector[0].weight.grad)
        losses.append(output.loss.item())
    assert losses[0] == losses[1]
    assert (gradients[0] - gradients[1]).abs().max() > 1e-6


def test_a_target_of_its_own_follows_by_its_momentum() -> None:
    config = SimSiamConfig(ema_momentum=0.75, **SMALL)  # type: ignore[arg-type]
    model, output = step_of(SimSiam, config)
    output.loss.backward()
    assert model.target is not None
    assert all(parameter.grad is None for parameter in model.target.parameters())
    with torch.no_grad():
        model.encoder.layers[0].weight.add_(1.0)
    assert model.after_update(0.1) == {"ema_m": 0.75}
    first = next(iter(model.target.parameters()))
    torch.testing.assert_close(model.encoder.layers[0].weight - first, torch.full_like(first, 0.75))
    assert model(Batch(views=(torch.randn(8, 1, 8, 8),) * 2)).loss.isfinite()


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, SimSiamConfig)
