"""I-JEPA: recognisable values, both conventions, where masks lie, what a step does."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from kb.closed_forms.registry import form
from reference_impl.encoders.vit import vit_mini
from reference_impl.masks.blocks import MaskConfig, Masks, Sampling, draw_masks
from reference_impl.method import Batch
from reference_impl.methods.i_jepa import CLAIMS, IJEPA, PRESETS, IJEPAConfig, i_jepa_loss

SMALL = PRESETS["small"].config


def test_predicting_zero_and_an_unrelated_vector() -> None:
    torch.manual_seed(0)
    targets = torch.randn(64, 4, 768) * 3 + 1
    zero = float(i_jepa_loss(torch.zeros_like(targets), targets))
    assert zero == pytest.approx(0.4247, abs=1e-3)
    assert zero == pytest.approx(form("i_jepa", "chance").value(), abs=1e-3)
    unrelated = functional.layer_norm(torch.randn_like(targets), (768,))
    other = float(i_jepa_loss(unrelated, targets))
    assert other == pytest.approx(0.720, abs=2e-3)
    assert other == pytest.approx(form("i_jepa.unrelated", "chance").value(), abs=2e-3)
    exact = functional.layer_norm(targets, (768,))
    assert float(i_jepa_loss(exact, targets)) == form("i_jepa", "floor").value() == 0.0


def test_constant_targets_can_be_predicted_exactly() -> None:
    targets = torch.full((8, 2, 16), 3.0)
    assert float(i_jepa_loss(torch.zeros_like(targets), targets)) == 0.0


def test_the_papers_convention_is_a_squared_distance() -> None:
    torch.manual_seed(0)
    predictions, targets = torch.randn(2, 3, 4, 5)
    expected = ((predictions - targets) ** 2).sum() / 12
    torch.testing.assert_close(i_jepa_loss(predictions, targets, convention="paper"), expected)


def test_targets_get_no_gradient() -> None:
    predictions, targets = (torch.randn(2, 3, requires_grad=True) for _ in range(2))
    i_jepa_loss(predictions, targets).backward()
    assert targets.grad is None
    assert predictions.grad is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    predictions, targets = (300 * torch.randn(2, 8, 64)).to(dtype)
    for convention in ("official", "paper"):
        loss = i_jepa_loss(predictions, targets, convention=convention)
        exact = i_jepa_loss(
            predictions.double(),
            targets.double(),
            convention=convention,
        )
        assert loss.dtype == torch.float32
        assert float(loss) == pytest.approx(float(exact), rel=1e-5)


def drawn(seed: int, grid: tuple[int, int], config: MaskConfig, images: int = 8) -> Masks:
    torch.manual_seed(seed)
    return draw_masks(images, grid, config, torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(6, 16), st.integers(6, 16), st.integers(1, 4), st.booleans(), st.integers(0, 1000)
)
def test_context_and_targets_never_share_a_patch(
    rows: int, columns: int, targets: int, official: bool, seed: int
) -> None:
    config = MaskConfig(targets, min_keep=2, sampling="official" if official else "paper")
    masks = drawn(seed, (rows, columns), config)
    patches = rows * columns
    for context, blocks in zip(masks.context, masks.targets, strict=True):
        assert not set(context.tolist()) & set(blocks.flatten().tolist())
        assert len(set(context.tolist())) == len(context) > 2
        assert context.max() < patches
        for block in blocks:  # each block is a rectangle without a gap
            height = len({index // columns for index in block.tolist()})
            width = len({index % columns for index in block.tolist()})
            assert height * width == len(set(block.tolist())) == len(block)


@pytest.mark.parametrize(("sampling", "reached"), [("official", False), ("paper", True)])
def test_only_the_official_sampler_avoids_the_last_row_and_column(
    sampling: Sampling, reached: bool
) -> None:
    """Its top left corner is drawn below grid - block, and the context fills what is left."""
    seen = torch.zeros(196, dtype=torch.bool)
    for seed in range(20):
        masks = drawn(seed, (14, 14), MaskConfig(sampling=sampling), images=32)
        seen[masks.context.flatten()] = True
        seen[masks.targets.flatten()] = True
    used = seen.view(14, 14)
    assert used[:13, :13].all()
    assert bool(used[13].any()) is bool(used[:, 13].any()) is reached


def test_official_contexts_lose_their_bottom() -> None:
    mean_row = {}
    for sampling in ("official", "paper"):
        rows = [
            drawn(seed, (14, 14), MaskConfig(sampling=sampling)).context // 14 for seed in range(30)
        ]
        mean_row[sampling] = torch.cat([one.flatten() for one in rows]).float().mean()
    assert mean_row["official"] < 5.2 < 6.0 < mean_row["paper"]


def test_block_sizes_are_shared_and_places_are_not() -> None:
    first, again = drawn(3, (14, 14), MaskConfig()), drawn(3, (14, 14), MaskConfig())
    assert torch.equal(first.targets, again.targets)
    torch.manual_seed(4)
    other = draw_masks(8, (14, 14), MaskConfig(), torch.Generator().manual_seed(3))
    assert other.targets.shape == first.targets.shape
    assert not torch.equal(other.targets, first.targets)


def test_a_crowded_grid_lets_targets_into_the_context_rather_than_starve_it() -> None:
    config = MaskConfig(4, (0.5, 0.6), min_keep=8)
    masks = drawn(0, (6, 6), config)
    assert masks.context.shape[1] > 8


def test_a_context_that_can_never_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="min_keep = 10"):
        drawn(0, (4, 4), MaskConfig())


def test_predictions_of_a_block_do_not_depend_on_the_other_blocks() -> None:
    torch.manual_seed(0)
    method = IJEPA(vit_mini(1, 28), SMALL).eval()
    masks = drawn(0, (7, 7), SMALL, images=2)
    context = method.encoder.tokens(torch.randn(2, 1, 28, 28), masks.context)[:, 1:]
    together = method.predictor(context, masks)
    alone = method.predictor(context, Masks(masks.context, masks.targets[:, 1:2]))
    torch.testing.assert_close(together[:, 1:2], alone, atol=1e-5, rtol=1e-4)


def test_a_step_teaches_context_encoder_and_predictor_only() -> None:
    torch.manual_seed(0)
    method = IJEPA(vit_mini(1, 28, depth=2), SMALL)
    before = copy.deepcopy(method.target.state_dict())
    output = method(Batch((torch.rand(8, 1, 28, 28),)))
    output.loss.backward()
    for name, parameter in method.named_parameters():
        wanted = not name.startswith("target.") and parameter.requires_grad
        assert (parameter.grad is not None) is wanted, name
    assert all(torch.equal(method.target.state_dict()[key], before[key]) for key in before)
    assert method.after_update(0.5) == pytest.approx({"ema_m": 0.995})
    assert output.features[0].shape == output.embeddings[0].shape == (8, 96)
    assert {"term/pred", "pred_var", "target_var"} == set(output.terms)
    # Before anything is learnt the predictor says almost nothing.
    assert float(output.loss.detach()) == pytest.approx(0.4247, abs=0.1)


def test_training_predicts_better_than_zero_without_constant_targets() -> None:
    torch.manual_seed(0)
    method = IJEPA(vit_mini(1, 28, depth=1), SMALL)
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], 2e-3)
    images = torch.rand(16, 1, 7, 7).repeat_interleave(4, 2).repeat_interleave(4, 3)
    for step in range(20):
        output = method(Batch((images,)))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        method.after_update(step / 20)
    assert float(output.loss.detach()) < 0.25
    assert float(output.terms["target_var"]) > 1e-3


def test_mask_sizes_go_on_after_a_checkpoint() -> None:
    torch.manual_seed(0)
    method = IJEPA(vit_mini(1, 28, depth=1), SMALL)
    images = Batch((torch.rand(4, 1, 28, 28),))
    method(images)
    resumed = IJEPA(vit_mini(1, 28, depth=1), SMALL)
    resumed.load_state_dict(copy.deepcopy(method.state_dict()))
    losses = []
    for one in (method, resumed):
        torch.manual_seed(1)
        losses.append(float(one(images).loss.detach()))
    assert losses[0] == losses[1]


def test_an_encoder_without_patches_is_refused() -> None:
    with pytest.raises(TypeError, match="I-JEPA"):
        IJEPA(nn.Identity(), IJEPAConfig())


def test_claims_change_only_known_settings() -> None:
    for claim in CLAIMS:
        for arm in claim.arms:
            replace(SMALL, **arm.config)
