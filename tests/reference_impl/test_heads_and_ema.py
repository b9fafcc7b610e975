"""Heads have the layers they promise; a moving average follows, and stays out of gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reference_impl.ema import cosine_to_one, frozen_copy, lag, move_average
from reference_impl.heads import mlp


def test_a_head_has_a_norm_after_each_hidden_layer_and_a_bias_where_none_follows() -> None:
    layers = list(mlp([8, 16, 4]))
    assert [type(one) for one in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert layers[0].bias is None
    assert layers[-1].bias is not None


def test_a_normalised_output_has_no_bias_before_it_and_may_lack_scale_and_shift() -> None:
    *_, linear, norm = list(mlp([8, 16, 4], last_norm=True, last_affine=False))
    assert linear.bias is None
    assert not norm.affine


def test_a_head_of_one_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an input and an output width, found \[8\]"):
        mlp([8])


@given(momentum=st.floats(0, 1))
def test_a_moving_average_lies_between_target_and_online(momentum: float) -> None:
    online = nn.Linear(3, 2)
    target = frozen_copy(nn.Linear(3, 2))
    expected = momentum * target.weight + (1 - momentum) * online.weight
    move_average(target, online, momentum)
    torch.testing.assert_close(target.weight, expected)
    assert not target.weight.requires_grad


def test_the_lag_is_zero_at_the_start_and_shrinks_with_every_move() -> None:
    online = nn.Linear(3, 2)
    target = frozen_copy(online)
    assert float(lag(target, online)) == 0.0
    with torch.no_grad():
        online.weight.add_(1.0)
    before = float(lag(target, online))
    move_average(target, online, 0.5)
    assert float(lag(target, online)) == pytest.approx(before / 2, rel=1e-6)


def test_networks_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="target has 4 parameters, online 2"):
        move_average(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), nn.Linear(1, 1), 0.9)


@given(start=st.floats(0.5, 1), progress=st.floats(0, 1))
def test_the_cosine_momentum_rises_from_its_start_to_one(start: float, progress: float) -> None:
    assert start - 1e-12 <= cosine_to_one(start, progress) <= 1.0
    assert cosine_to_one(start, 0.0) == pytest.approx(start)
    assert cosine_to_one(start, 1.0) == 1.0
