"""Optimisers and schedules against transcriptions of their definitions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from reference_impl.method import Recipe
from reference_impl.optim import LARS, Schedule, build_optimizer, set_schedule, warmup_cosine

RECIPE = Recipe("sgd", 0.1, batch_size=64, epochs=10, warmup_epochs=1.0, weight_decay=0.1)


@pytest.mark.parametrize("adapt", [True, False])
def test_lars_is_the_papers_update(adapt: bool) -> None:
    generator = np.random.default_rng(0)
    weight, momentum = generator.normal(size=(3, 4)), np.zeros((3, 4))
    tensor = nn.Parameter(torch.tensor(weight))
    solver = LARS([tensor], lr=0.3, momentum=0.8, weight_decay=0.05, trust=0.02, adapt=adapt)
    for _ in range(5):
        gradient = generator.normal(size=(3, 4))
        update = gradient + 0.05 * weight
        if adapt:
            update *= 0.02 * np.linalg.norm(weight) / np.linalg.norm(update)
        momentum = 0.8 * momentum + update
        weight = weight - 0.3 * momentum
        tensor.grad = torch.tensor(gradient)
        solver.step()
        np.testing.assert_allclose(tensor.detach().numpy(), weight, rtol=1e-12)


def test_lars_moves_weights_that_are_zero_and_survives_gradients_that_are() -> None:
    zero, still = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.ones(2, 2))
    solver = LARS([zero, still], lr=1.0, momentum=0.0)
    zero.grad, still.grad = torch.ones(2, 2), torch.zeros(2, 2)
    solver.step()
    assert torch.equal(zero.detach(), -torch.ones(2, 2))
    assert torch.equal(still.detach(), torch.ones(2, 2))


def model() -> nn.Module:
    made = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 3))
    made.register_parameter("logit_scale", nn.Parameter(torch.zeros(())))
    made.register_parameter("frozen", nn.Parameter(torch.zeros(2, 2), requires_grad=False))
    return made


@pytest.mark.parametrize("name", ["sgd", "lars", "adamw"])
def test_norms_biases_and_scalars_are_a_group_without_decay(name: str) -> None:
    recipe = replace(RECIPE, optimizer=name)  # type: ignore[arg-type]
    solver = build_optimizer(model(), recipe, 0.1)
    kept, excluded = solver.param_groups
    assert [tuple(one.shape) for one in kept["params"]] == [(2, 1, 3, 3), (3, 2)]
    assert [one.ndim for one in excluded["params"]] == [0, 1, 1, 1, 1]
    assert (kept["weight_decay"], excluded["weight_decay"]) == (0.1, 0.0)
    if name == "lars":
        assert (kept["adapt"], excluded["adapt"]) == (True, False)
    set_schedule(solver, 0.7, 0.3)
    assert [group["lr"] for group in solver.param_groups] == [0.7, 0.7]
    assert (kept["weight_decay"], excluded["weight_decay"]) == (0.3, 0.0)
    together = build_optimizer(model(), replace(recipe, exclude_norm_and_bias=False), 0.1)
    assert [len(group["params"]) for group in together.param_groups] == [7]


def test_the_rate_scales_with_the_batch_and_the_warm_up_keeps_its_share() -> None:
    recipe = replace(RECIPE, batch_size=512, lr_batch=256, final_lr=0.01)
    schedule = Schedule.from_recipe(recipe, total=200)
    assert schedule.peak_lr == pytest.approx(0.2)
    assert schedule.warmup == 20
    assert schedule.lr(0) == pytest.approx(0.2 / 20)
    assert schedule.lr(19) == pytest.approx(0.2) == schedule.lr(20)
    assert schedule.lr(200) == pytest.approx(0.002)
    assert schedule.lr(110) == pytest.approx((0.2 + 0.002) / 2)
    assert Schedule.from_recipe(replace(recipe, lr_batch=0), 200).peak_lr == pytest.approx(0.1)


def test_weight_decay_goes_from_one_value_to_the_other() -> None:
    schedule = Schedule.from_recipe(replace(RECIPE, final_weight_decay=0.5), total=100)
    assert schedule.decay(0) == pytest.approx(0.1)
    assert schedule.decay(50) == pytest.approx(0.3)
    assert schedule.decay(100) == pytest.approx(0.5)
    assert {Schedule.from_recipe(RECIPE, 100).decay(step) for step in (0, 50, 99)} == {0.1}


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0, 1))
def test_a_schedule_rises_then_falls_between_its_bounds(
    total: int, share: float, final: float
) -> None:
    warmup = math.floor(total * share)
    course = [warmup_cosine(step, total, warmup, 1.0, final) for step in range(total)]
    assert all(0 < value <= 1 + 1e-12 for value in course)
    assert course[:warmup] == sorted(course[:warmup])
    assert course[warmup:] == sorted(course[warmup:], reverse=True)
    assert all(value >= final - 1e-12 for value in course[warmup:])
