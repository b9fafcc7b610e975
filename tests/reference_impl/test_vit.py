"""The vision transformer: sizes, attention, left-out and hidden patches, positions at any size."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.encoders.vit import (
    Attention,
    DropPath,
    VisionTransformer,
    sincos_positions,
    take,
    vit_mini,
    vit_small,
    vit_tiny,
    without_drop_path,
)


@pytest.mark.parametrize(
    ("build", "parameters"),
    # The published models have 5,717,416 and 22,050,664 with a classifier of 1,000 classes, and a
    # position for the class token, which says no more than the token itself.
    [(vit_tiny, 5_717_416 - 193_000 - 192), (vit_small, 22_050_664 - 385_000 - 384)],
)
def test_published_sizes_at_224_pixels(build: object, parameters: int) -> None:
    encoder = build(3, 224)  # type: ignore[operator]
    assert sum(p.numel() for p in encoder.parameters()) == parameters
    assert (encoder.patch_size, encoder.grid) == (16, 14)


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
def test_features_of_small_images(channels: int, side: int) -> None:
    encoder = vit_mini(channels, side)
    features = encoder(torch.randn(2, channels, side, side))
    assert features.shape == (2, encoder.width)
    assert torch.isfinite(features).all()
    assert 400_000 < sum(p.numel() for p in encoder.parameters()) < 500_000


def test_attention_is_the_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    layer = Attention(12, 3).double()
    tokens = torch.randn(2, 5, 12, dtype=torch.float64)
    query, key, value = (
        part.view(2, 5, 3, 4).transpose(1, 2) for part in layer.qkv(tokens).chunk(3, dim=-1)
    )
    weights = (query @ key.transpose(-2, -1) / math.sqrt(4)).softmax(dim=-1)
    expected = layer.out((weights @ value).transpose(1, 2).reshape(2, 5, 12))
    torch.testing.assert_close(layer(tokens), expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 49), st.integers(0, 1000))
def test_kept_patches_come_in_the_order_asked_for(kept: int, seed: int) -> None:
    """Positions are added before patches are left out, so order changes nothing else."""
    torch.manual_seed(seed)
    encoder = vit_mini(1, 28, depth=2).eval()
    images = torch.randn(2, 1, 28, 28)
    keep = torch.rand(2, 49).argsort(dim=1)[:, :kept]
    order = torch.randperm(kept)
    tokens = encoder.tokens(images, keep)
    shuffled = encoder.tokens(images, keep[:, order])
    assert tokens.shape == (2, 1 + kept, encoder.width)
    torch.testing.assert_close(shuffled[:, 1:], tokens[:, 1:][:, order], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(shuffled[:, 0], tokens[:, 0], atol=1e-5, rtol=1e-4)


def test_left_out_patches_have_no_influence() -> None:
    torch.manual_seed(0)
    encoder = vit_mini(1, 28).eval()
    images = torch.randn(2, 1, 28, 28)
    keep = torch.arange(7, 21).expand(2, -1)  # rows 2 and 3 of the grid
    other = images.clone()
    other[:, :, :4] = 9.0
    other[:, :, 12:] = -9.0
    torch.testing.assert_close(encoder.tokens(images, keep), encoder.tokens(other, keep))


def test_hidden_patches_are_replaced_before_their_position() -> None:
    torch.manual_seed(0)
    encoder = vit_mini(1, 28).eval()
    mask_token = torch.randn(encoder.width)
    hide = torch.zeros(2, 49, dtype=torch.bool)
    hide[:, :14] = True
    images = torch.randn(2, 1, 28, 28)
    other = images.clone()
    other[:, :, :8] = 5.0
    seen = encoder.tokens(images, hide=hide, mask_token=mask_token)
    torch.testing.assert_close(seen, encoder.tokens(other, hide=hide, mask_token=mask_token))
    assert seen.shape == (2, 50, encoder.width)
    # Two hidden patches differ by their position alone, and do differ.
    assert (seen[0, 1] - seen[0, 2]).abs().max() > 1e-3
    with pytest.raises(ValueError, match="mask_token"):
        encoder.tokens(images, hide=hide)


def test_positions_are_interpolated_to_other_sizes() -> None:
    encoder = vit_mini(1, 32, positions="learned")
    assert encoder(torch.randn(2, 1, 16, 24)).shape == (2, encoder.width)
    with torch.no_grad():
        encoder.positions.fill_(0.5)
    torch.testing.assert_close(
        encoder._positions_for((4, 6)), torch.full((1, 24, encoder.width), 0.5)
    )
    with torch.no_grad():  # a position that grows with the row goes on growing with the row
        rows = torch.arange(8.0).repeat_interleave(8)
        encoder.positions.copy_(rows[None, :, None].expand_as(encoder.positions))
    small = encoder._positions_for((4, 4)).view(4, 4, encoder.width)
    assert (small[1:] > small[:-1]).all()
    torch.testing.assert_close(small[:, 0], small[:, 3])


def test_small_images_train_the_position_table() -> None:
    encoder = vit_mini(1, 32, positions="learned")
    encoder(torch.randn(2, 1, 16, 16)).sum().backward()
    assert encoder.positions.grad is not None
    assert encoder.positions.grad.abs().sum() > 0


def test_fixed_positions_tell_rows_and_columns() -> None:
    table = sincos_positions(3, 8)[0]
    # Columns first: patch 1 lies right of patch 0, patch 3 below it.
    expected = [math.sin(1), math.sin(0.01), math.cos(1), math.cos(0.01)]
    torch.testing.assert_close(table[1, :4], torch.tensor(expected))
    torch.testing.assert_close(table[1, 4:], table[0, 4:])
    torch.testing.assert_close(table[3, 4:], torch.tensor(expected))
    torch.testing.assert_close(table[3, :4], table[0, :4])


def test_pooling_takes_the_class_token_or_the_mean() -> None:
    tokens = torch.randn(2, 50, 96)
    assert torch.equal(vit_mini(1, 28).pool(tokens), tokens[:, 0])
    mean = vit_mini(1, 28, pooling="mean")
    torch.testing.assert_close(mean.pool(tokens), tokens[:, 1:].mean(dim=1))
    bare = vit_mini(1, 28, class_token=False, pooling="mean")
    assert bare.tokens(torch.randn(2, 1, 28, 28)).shape == (2, 49, 96)


def test_dropped_paths_keep_the_expectation_and_can_be_switched_off() -> None:
    torch.manual_seed(0)
    path = DropPath(0.25)
    out = path(torch.ones(20_000, 1, 1))
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert out.mean() == pytest.approx(1.0, abs=0.02)
    assert torch.equal(path.eval()(torch.ones(5, 1, 1)), torch.ones(5, 1, 1))
    encoder = vit_mini(1, 28, drop_path=0.5)
    without_drop_path(encoder)
    images = torch.randn(8, 1, 28, 28)
    assert torch.equal(encoder(images), encoder(images))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_stay_close(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    encoder = vit_mini(1, 28).eval()
    images = torch.randn(4, 1, 28, 28)
    whole = encoder(images)
    with torch.autocast("cpu", dtype=dtype):
        half = encoder(images)
    assert (half.float() - whole).abs().max() < 0.1


def test_wrong_sizes_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="not a multiple of patch"):
        vit_mini(1, 30)
    with pytest.raises(ValueError, match="do not divide into patches of 4"):
        vit_mini(1, 28)(torch.randn(1, 1, 30, 30))
    with pytest.raises(ValueError, match="needs a class token"):
        VisionTransformer(class_token=False)
    with pytest.raises(ValueError, match="heads"):
        vit_mini(1, 28, heads=5)


def test_take_picks_tokens_of_each_image() -> None:
    tokens = torch.arange(12.0).view(2, 3, 2)
    picked = take(tokens, torch.tensor([[2, 0], [1, 1]]))
    assert picked.tolist() == [[[4, 5], [0, 1]], [[8, 9], [8, 9]]]
