"""Encoders: widths, parameter counts, and identity blocks at the start."""

from __future__ import annotations

import pytest
import torch

from kb.errors import UsageError
from reference_impl import encoders


@pytest.mark.parametrize("name", ["small_cnn", "resnet18", "resnet50"])
@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 72)])
def test_features_have_the_width_that_the_encoder_names(
    name: str, channels: int, side: int
) -> None:
    torch.manual_seed(0)
    encoder = encoders.build(name, channels, side)
    found = encoder(torch.randn(2, channels, side, side))
    assert found.shape == (2, encoder.width)
    assert bool(found.isfinite().all())


@pytest.mark.parametrize(
    ("name", "side", "weights", "width"),
    [
        # The counts of the usual ImageNet models without their last layer.
        ("resnet18", 224, 11_176_512, 512),
        ("resnet50", 224, 23_508_032, 2048),
        # The stem has 3 x 3 instead of 7 x 7 weights.
        ("resnet18", 32, 11_176_512 - 64 * 3 * (49 - 9), 512),
    ],
)
def test_resnets_have_as_many_weights_as_published(
    name: str, side: int, weights: int, width: int
) -> None:
    encoder = encoders.build(name, 3, side)
    assert sum(one.numel() for one in encoder.parameters()) == weights
    assert encoder.width == width


def test_blocks_without_a_change_of_shape_start_as_identities() -> None:
    torch.manual_seed(0)
    block = encoders.build("resnet18", 3, 32).blocks[1]
    images = torch.rand(2, 64, 8, 8)
    torch.testing.assert_close(block(images), images)


def test_the_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(encoders.build("small_cnn", 1, 28).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_an_unknown_encoder_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match='did you mean "resnet18"'):
        encoders.build("resnet-18", 3, 32)
