"""Augmentations: exact where a closed form exists, and a function of the generator alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from kb.errors import UsageError
from reference_impl.augment import POLICIES, draw, policy_set, render, view
from reference_impl.augment.colour import colour_matrices, recoloured
from reference_impl.augment.policy import Policy, default_policy

STILL = Policy(crop_area=(1.0, 1.0), crop_ratio=(1.0, 1.0), flip=0.0, jitter=0.0, gray=0.0)
LUMA = torch.tensor([0.299, 0.587, 0.114])


def photos(count: int = 6, side: int = 16, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), generator=generator, dtype=torch.uint8)


def draws(count: int, **columns: float) -> Any:
    """Return draws of one half, with columns such as `at5=0.1` set."""
    found = torch.full((count, 16), 0.5)
    for name, value in columns.items():
        found[:, int(name.removeprefix("at"))] = value
    return found


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_views_repeat_with_the_seed_and_stay_between_0_and_1(name: str, channels: int) -> None:
    pixels = photos()[:, :channels]
    policies = POLICIES[name]
    for policy in (*policies.views, policies.small, policies.plain):
        first, again, other = (
            view(pixels, policy, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert first.shape == pixels.shape
        assert 0 <= float(first.min()) <= float(first.max()) <= 1.0001


def test_each_image_has_its_own_view_which_its_neighbours_do_not_change() -> None:
    policy, numbers = POLICIES["byol"].views[1], draw(6, torch.Generator().manual_seed(0))
    pixels = photos()
    whole = render(pixels, numbers, policy)
    alone = render(pixels[2:3], numbers[2:3], policy)
    torch.testing.assert_close(whole[2:3], alone, atol=1e-6, rtol=0)
    assert not torch.allclose(
        render(pixels[:1].repeat(2, 1, 1, 1), numbers[:2], policy)[0],
        render(pixels[:1].repeat(2, 1, 1, 1), numbers[:2], policy)[1],
    )


def test_nothing_switched_on_leaves_the_image() -> None:
    pixels = photos()
    still = render(pixels, draw(6, torch.Generator().manual_seed(3)), STILL)
    torch.testing.assert_close(still, pixels.float() / 255, atol=1e-5, rtol=0)


def test_a_flip_mirrors_columns() -> None:
    pixels = photos()
    flipped = render(pixels, draws(6, at5=0.1), replace(STILL, flip=0.5))
    torch.testing.assert_close(flipped, pixels.float().flip(3) / 255, atol=1e-5, rtol=0)


def test_a_quarter_turn_is_exact() -> None:
    pixels = photos()
    turned = render(pixels, draws(6, at4=1.0), replace(STILL, rotate=90.0))
    expected = torch.rot90(pixels.float() / 255, 1, (2, 3))
    torch.testing.assert_close(turned, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_a_quarter_of_the_area_is_a_corner_at_twice_the_size(corner: tuple[float, float]) -> None:
    pixels = photos()
    policy = replace(STILL, crop_area=(0.25, 0.25))
    cropped = render(pixels, draws(6, at2=corner[0], at3=corner[1]), policy)
    top, left = round(8 * corner[1]), round(8 * corner[0])
    # Bilinear enlargement of the corner, away from its inner border where neighbours count.
    image = pixels.float()[:, :, top : top + 8, left : left + 8] / 255
    enlarged = functional.interpolate(image, scale_factor=2, mode="bilinear")
    torch.testing.assert_close(
        cropped[:, :, 1:-1, 1:-1], enlarged[:, :, 1:-1, 1:-1], atol=1e-4, rtol=0
    )


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 1.0), st.floats(0.5, 1.0), st.integers(0, 1000))
def test_crops_up_to_the_whole_area_show_nothing_outside(
    area: float, ratio: float, seed: int
) -> None:
    """A gradient image keeps its extremes, so every sampled place lay inside."""
    ramp = torch.arange(16, dtype=torch.uint8).mul(17).repeat(16, 1)[None, None]
    policy = replace(STILL, crop_area=(area, area), crop_ratio=(ratio, 1 / ratio))
    seen = render(ramp.repeat(8, 1, 1, 1), draw(8, torch.Generator().manual_seed(seed)), policy)
    steps = seen.diff(dim=3)
    width = min(math.sqrt(area / ratio), 1.0)
    assert float(steps.min()) >= -1e-6
    assert float(steps.max()) <= width * 17 / 255 + 1e-5


def test_colour_matches_its_parts_done_one_after_the_other() -> None:
    generator = torch.Generator().manual_seed(5)
    numbers = torch.rand(6, 6, generator=generator)
    numbers[:, 0], numbers[:, 5] = 0.0, 0.9
    policy = Policy(brightness=0.3, contrast=0.3, saturation=0.3, hue=0.0)
    # Colours near grey, so that the usual clamping between the parts would not act.
    images = 0.45 + 0.1 * torch.rand(6, 3, 8, 8, generator=generator)
    ours = recoloured(images, colour_matrices(numbers, policy), policy)

    def grey(colours: Any) -> Any:
        return torch.einsum("c,nchw->nhw", LUMA, colours)[:, None]

    factors = [1 + 0.3 * (2 * numbers[:, k] - 1)[:, None, None, None] for k in (1, 2, 3)]
    expected = images * factors[0]
    expected = factors[1] * expected + (1 - factors[1]) * grey(expected).mean((2, 3), keepdim=True)
    expected = factors[2] * expected + (1 - factors[2]) * grey(expected)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_hue_turns_keep_brightness_and_a_full_circle_comes_back() -> None:
    images = 0.4 + 0.2 * torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    policy = Policy(brightness=0.0, contrast=0.0, saturation=0.0, hue=1.0)
    numbers = torch.full((6, 6), 0.5)
    numbers[:, 0], numbers[:, 5] = 0.0, 0.9
    for turn, whole in ((1.0, True), (0.75, False)):
        numbers[:, 4] = turn
        turned = recoloured(images, colour_matrices(numbers, policy), policy)
        luma = torch.einsum("c,nchw->nhw", LUMA, turned - images)
        assert float(luma.abs().max()) < 2e-3
        assert torch.allclose(turned, images, atol=1e-3) is whole


def test_gray_leaves_three_equal_channels_and_one_channel_as_it_is() -> None:
    policy = replace(STILL, gray=1.0)
    gray = render(photos(), draws(6), policy)
    expected = torch.einsum("c,nchw->nhw", LUMA, photos().float() / 255)
    for channel in range(3):
        torch.testing.assert_close(gray[:, channel], expected, atol=1e-3, rtol=0)
    single = photos()[:, :1]
    torch.testing.assert_close(render(single, draws(6), policy), single.float() / 255)


def test_solarisation_inverts_bright_values() -> None:
    pixels = photos()
    image = pixels.float() / 255
    solarised = render(pixels, draws(6, at12=0.0), replace(STILL, solarise=0.2))
    torch.testing.assert_close(
        solarised, torch.where(image >= 0.5, 1 - image, image), atol=1e-5, rtol=0
    )


def test_blur_is_a_normalised_gaussian() -> None:
    point = torch.zeros(2, 1, 33, 33, dtype=torch.uint8)
    point[:, :, 16, 16] = 255
    policy = replace(STILL, blur=0.5, blur_sigma=(2.0 * 224 / 33, 2.0 * 224 / 33))
    blurred = render(point, draws(2, at13=0.1), policy)
    place = np.arange(33) - 16
    line = np.exp(-(place**2) / (2 * 2.0**2))
    expected = np.outer(line, line) / line.sum() ** 2
    np.testing.assert_allclose(blurred[0, 0].numpy(), expected, atol=1e-5)
    flat = torch.full((2, 1, 33, 33), 128, dtype=torch.uint8)
    torch.testing.assert_close(
        render(flat, draws(2, at13=0.1), policy), flat.float() / 255, atol=1e-5, rtol=0
    )


def test_settings_that_do_not_exist_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match='did you mean "rotate"'):
        policy_set("digits", {"rotatee": 3})
    with pytest.raises(UsageError, match='did you mean "digits"'):
        policy_set("digit", {})
    assert policy_set("digits", {"rotate": 3.0}).views[0].rotate == 3.0
    assert default_policy("mnist", 28) == "digits"
    assert default_policy("photos", 96) == "photo"
