"""LeJEPA: SIGReg's recognisable values, the conventions, directions that processes share."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from method_checks import check_output, check_presets, clouds, step_of

from kb.closed_forms.registry import form
from reference_impl.encoders.small_cnn import small_cnn
from reference_impl.method import Batch
from reference_impl.methods.lejepa import (
    CLAIMS,
    PRESETS,
    Convention,
    LeJEPA,
    LeJEPAConfig,
    lejepa_loss,
    lejepa_terms,
    random_directions,
    sigreg,
)

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


def slices(dim: int, count: int = 64, seed: int = 0) -> Any:
    return random_directions(dim, count, seed=seed, device=torch.device("cpu"), dtype=torch.float64)


@pytest.mark.parametrize("batch", [64, 512])
def test_a_standard_normal_cloud_leaves_the_floor_at_any_batch_size(batch: int) -> None:
    # Directions of one cloud share its mean: only a wide cloud is near the expectation.
    value = sigreg(clouds(batch, 2048)[0], slices(2048, 256)).item()
    assert value == pytest.approx(form("sigreg", "floor").value(), rel=0.05)


@pytest.mark.parametrize("batch", [64, 512])
def test_zero_outputs_give_the_collapse_value_and_no_gradient(batch: int) -> None:
    zero = torch.zeros(batch, 32, dtype=torch.float64, requires_grad=True)
    value = sigreg(zero, slices(32))
    assert value.item() == pytest.approx(form("sigreg", "collapse").value(batch_size=batch))
    if batch == 512:
        assert value.item() == pytest.approx(205.8, abs=0.05)
    (gradient,) = torch.autograd.grad(value, zero)
    assert gradient.abs().max() < 1e-12


def test_constant_outputs_away_from_the_origin_have_a_finite_gradient() -> None:
    constant = torch.full((32, 16), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(sigreg(constant, slices(16)), constant)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize(("knots", "reach"), [(17, 3.0), (5, 2.0), (2, 1.0)])
def test_it_is_the_trapezoid_sum_over_both_halves(knots: int, reach: float) -> None:
    rows, directions = clouds(20, 6)[0], slices(6, 9)
    grid = torch.linspace(-reach, reach, 2 * knots - 1, dtype=torch.float64)
    angles = (rows @ directions).unsqueeze(-1) * grid
    function = torch.complex(angles.cos(), angles.sin()).mean(0)
    heights = (function - (-grid.square() / 2).exp()).abs().square() * (-grid.square() / 2).exp()
    wanted = 20 * torch.trapezoid(heights, grid).mean()
    torch.testing.assert_close(sigreg(rows, directions, knots=knots, reach=reach), wanted)


def test_views_are_tested_one_by_one() -> None:
    views, directions = torch.stack(clouds(30, 5, views=3)), slices(5)
    each = torch.stack([sigreg(view, directions) for view in views])
    torch.testing.assert_close(sigreg(views, directions), each.mean())


def test_directions_are_unit_and_given_by_their_seed() -> None:
    torch.testing.assert_close(slices(7).norm(dim=0), torch.ones(64).double())
    assert torch.equal(slices(7, seed=3), slices(7, seed=3))
    assert not torch.equal(slices(7, seed=3), slices(7, seed=4))


def test_conventions_differ_in_centre_sample_and_weights() -> None:
    views, directions = torch.stack(clouds(24, 6, views=4)), slices(6)
    centres: dict[Convention, Any] = {
        "official": views.mean(0),
        "lightly": views[:2].mean(0),
        "stable_pretraining": views[:2].mean(0),
    }
    for convention in centres:
        prediction, spread = lejepa_terms(views, directions, convention=convention)
        torch.testing.assert_close(
            prediction, (centres[convention] - views).square().mean(), msg=convention
        )
        pooled = convention == "stable_pretraining"
        rows = views.reshape(-1, 6) if pooled else views
        torch.testing.assert_close(spread, sigreg(rows, directions))
        share = 1.0 if pooled else 0.9
        loss = lejepa_loss(views, directions, weight=0.1, convention=convention)
        torch.testing.assert_close(loss, share * prediction + 0.1 * spread)


def test_the_papers_text_compares_every_view_with_every_global_view() -> None:
    views, directions = torch.stack(clouds(24, 6, views=4)), slices(6)
    prediction, spread = lejepa_terms(views, directions, convention="paper_text")
    pairs = [(views[g] - view).square().sum(-1).mean() for g in (0, 1) for view in views]
    torch.testing.assert_close(prediction, torch.stack(pairs).mean())
    torch.testing.assert_close(spread, sigreg(views, directions))


def test_two_views_lie_a_quarter_of_their_squared_distance_from_the_centre() -> None:
    first, second = clouds(16, 4)
    prediction, _ = lejepa_terms(torch.stack([first, second]), slices(4))
    torch.testing.assert_close(prediction, (first - second).square().mean() / 4)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradients_by_finite_differences(convention: Convention) -> None:
    views = torch.stack(clouds(5, 3, views=3)).requires_grad_()
    directions = slices(3, 4)
    assert torch.autograd.gradcheck(
        lambda v: lejepa_loss(v, directions, weight=0.3, convention=convention), views
    )


def test_rotating_samples_and_directions_together_changes_nothing() -> None:
    rows, directions = clouds(20, 6)[0], slices(6)
    turn = torch.linalg.qr(clouds(6, 6)[0])[0]
    torch.testing.assert_close(sigreg(rows @ turn, turn.T @ directions), sigreg(rows, directions))
    order = torch.randperm(20)
    torch.testing.assert_close(sigreg(rows[order], -directions), sigreg(rows, directions))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    views = torch.stack(clouds(64, 16)).to(dtype)
    loss = lejepa_loss(views, slices(16))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(lejepa_loss(views.double(), slices(16)).item(), rel=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(lejepa_loss(views.float(), slices(16)), loss)


def test_what_cannot_be_computed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two knots"):
        sigreg(torch.randn(4, 3), slices(3), knots=1)
    for shape in [(4, 3), (1, 4, 3)]:
        with pytest.raises(ValueError, match="at least 2 global views"):
            lejepa_loss(torch.randn(shape), slices(3), convention="lightly")


SMALL = LeJEPAConfig(dim=12, hidden_dim=16, slices=8)


def test_a_step_counts_small_crops_and_reaches_every_parameter() -> None:
    model, output = step_of(LeJEPA, SMALL)
    check_output(output, 12)
    prediction, spread = output.terms["term/pred"], output.terms["term/reg"]
    torch.testing.assert_close(output.loss.detach(), 0.98 * prediction + 0.02 * spread)
    output.loss.backward()
    assert all(one.grad is not None and one.grad.isfinite().all() for one in model.parameters())
    crops = Batch(views=(torch.randn(8, 1, 8, 8),) * 2, small=(torch.randn(8, 1, 4, 4),) * 3)
    assert len(model(crops).embeddings) == 5


def test_each_step_draws_new_directions_and_a_checkpoint_knows_which() -> None:
    batch = Batch(views=(torch.randn(8, 1, 8, 8), torch.randn(8, 1, 8, 8)))
    model = LeJEPA(small_cnn(1, 8), SMALL)
    model.eval()
    first = model(batch).loss
    assert torch.equal(model(batch).loss, first)
    model.after_update(0.1)
    second = model(batch).loss
    assert not torch.equal(second, first)
    other = LeJEPA(small_cnn(1, 8), SMALL)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(batch).loss, second)


def test_presets_and_claims() -> None:
    check_presets(PRESETS, CLAIMS, LeJEPAConfig)


def test_views_and_local_crops_are_asked_for() -> None:
    method = LeJEPA(small_cnn(1, 28), LeJEPAConfig(dim=8, hidden_dim=16, views=3, small_crops=2))
    assert (method.plan.views, method.plan.small) == (3, 2)
    assert (LeJEPA.plan.views, LeJEPA.plan.small) == (2, 0)
    local = tuple(torch.randn(4, 1, 16, 16) for _ in range(2))
    batch = Batch(tuple(torch.randn(4, 1, 28, 28) for _ in range(3)), local)
    assert len(method(batch).embeddings) == 5
