"""MAE: recognisable values, conventions, masking, half precision, one step that learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kb.closed_forms.registry import form
from reference_impl.encoders.vit import take, vit_mini
from reference_impl.method import Batch
from reference_impl.methods.mae import (
    CLAIMS,
    MAE,
    PRESETS,
    MAEConfig,
    mae_loss,
    normalise_patches,
    patchify,
    split_patches,
)

SMALL = PRESETS["small"].config


@pytest.mark.parametrize(("channels", "patch", "chance"), [(3, 16, 0.9987), (3, 4, 0.979)])
def test_predicting_zero_costs_n_minus_one_over_n(channels: int, patch: int, chance: float) -> None:
    torch.manual_seed(0)
    images = torch.rand(4, channels, 2 * patch, 2 * patch, dtype=torch.float64)
    targets = normalise_patches(patchify(images, patch))
    loss = float(mae_loss(torch.zeros_like(targets), targets))
    expected = form("mae", "chance").value(dim=channels * patch**2)
    assert loss == pytest.approx(float(expected), abs=2e-5)  # 1e-6 beside a variance of 1/12
    assert loss == pytest.approx(chance, abs=5e-4)


def test_flat_patches_count_as_zero_and_lower_the_value() -> None:
    torch.manual_seed(0)
    patches = torch.rand(2, 4, 48)
    patches[:, 1:] = 0.25
    targets = normalise_patches(patches)
    assert (targets[:, 1:] == 0).all()
    loss = mae_loss(torch.zeros_like(targets), targets)
    assert float(loss) == pytest.approx(47 / 48 / 4, abs=1e-4)


def test_biased_variance_makes_the_value_one() -> None:
    torch.manual_seed(0)
    targets = normalise_patches(torch.rand(2, 4, 48, dtype=torch.float64), unbiased=False)
    assert float(mae_loss(torch.zeros_like(targets), targets)) == pytest.approx(1.0, abs=5e-5)
    assert float(mae_loss(targets, targets)) == 0.0


def test_only_marked_patches_count() -> None:
    targets = torch.zeros(1, 3, 2)
    predictions = torch.tensor([[[1.0, 1.0], [3.0, 3.0], [7.0, 7.0]]])
    mask = torch.tensor([[True, True, False]])
    assert float(mae_loss(predictions, targets, mask)) == 5.0
    assert float(mae_loss(predictions[:, :2], targets[:, :2])) == 5.0
    assert float(mae_loss(predictions, targets, torch.zeros_like(mask))) == 0.0


@pytest.mark.parametrize(("patches", "ratio"), [(49, 0.0), (1, 0.75)])
def test_a_ratio_that_hides_nothing_is_refused(patches: int, ratio: float) -> None:
    with pytest.raises(ValueError, match="hides none of"):
        split_patches(torch.rand(2, patches), ratio)


def test_patches_go_row_by_row_with_channels_last() -> None:
    images = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)
    patches = patchify(images, 2)
    assert patches.shape == (1, 4, 8)
    assert patches[0, 1].tolist() == [2, 18, 3, 19, 6, 22, 7, 23]
    with pytest.raises(ValueError, match="do not divide"):
        patchify(images, 3)


@given(st.integers(2, 60), st.floats(0.5, 0.95), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_every_patch_is_kept_or_masked_once(patches: int, ratio: float, seed: int) -> None:
    noise = torch.rand(3, patches, generator=torch.Generator().manual_seed(seed))
    keep, masked = split_patches(noise, ratio)
    assert keep.shape[1] == max(1, int(patches * (1 - ratio)))
    everything = torch.cat((keep, masked), dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(patches).expand(3, -1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    # Pixels of 8 bits without scaling: squares of their sums pass 65504.
    pixels = (torch.rand(2, 9, 48) * 255).to(dtype)
    predictions = torch.randn(2, 9, 48).to(dtype)
    loss = mae_loss(predictions, normalise_patches(pixels))
    assert loss.dtype == torch.float32
    exact = mae_loss(predictions.double(), normalise_patches(pixels.double()))
    assert float(loss) == pytest.approx(float(exact), rel=1e-4)


def test_the_decoder_puts_patches_back_in_their_place() -> None:
    """Which order the kept patches come in makes no difference to what is predicted."""
    torch.manual_seed(0)
    method = MAE(vit_mini(1, 28), SMALL).eval()
    images = torch.randn(2, 1, 28, 28)
    keep, masked = split_patches(torch.rand(2, 49), 0.75)
    order = torch.randperm(keep.shape[1])
    one = method.decoder(method.encoder.tokens(images, keep), keep, masked)
    other = method.decoder(method.encoder.tokens(images, keep[:, order]), keep[:, order], masked)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert one.shape == (2, 37, 16)


def test_a_step_learns_and_says_what_the_monitor_reads() -> None:
    torch.manual_seed(0)
    method = MAE(vit_mini(1, 28, depth=2), SMALL)
    optimizer = torch.optim.AdamW(method.parameters(), lr=2e-3)
    images = torch.rand(64, 1, 7, 7).repeat_interleave(4, 2).repeat_interleave(4, 3)
    images = images * torch.linspace(0, 1, 28)[:, None]
    losses = []
    for _ in range(20):
        output = method(Batch((images,)))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        losses.append(float(output.loss.detach()))
    # Layer-normalised features of width W through a Xavier layer vary by 2 W/(W + n).
    assert losses[0] == pytest.approx(15 / 16 + 2 * 64 / (64 + 16), rel=0.15)
    assert losses[-1] < 0.9
    assert output.features[0].shape == (64, 96)
    assert set(output.terms) == {"term/recon", "pred_var", "target_var"}
    assert not output.features[0].requires_grad


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    method = MAE(vit_mini(1, 28, depth=2), replace(SMALL, pooling="class"))
    method(Batch((torch.rand(4, 1, 28, 28),))).loss.backward()
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name


def test_an_encoder_without_patches_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a VisionTransformer, found Identity"):
        MAE(nn.Identity(), MAEConfig())


def test_take_of_masked_patches_equals_the_mask() -> None:
    torch.manual_seed(0)
    predictions, targets = torch.randn(2, 5, 6, 4)
    _, masked = split_patches(torch.rand(5, 6), 0.5)
    mask = torch.zeros(5, 6, dtype=torch.bool).scatter(1, masked, value=True)
    part = mae_loss(take(predictions, masked), take(targets, masked))
    torch.testing.assert_close(part, mae_loss(predictions, targets, mask))


def test_claims_change_only_known_settings() -> None:
    for claim in CLAIMS:
        for arm in claim.arms:
            replace(SMALL, **arm.config)
