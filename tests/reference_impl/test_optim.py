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
from reference_impl.optim import (
    LARS,
    Schedule,
    build_optimizer,
    clip_gradients,
    set_schedule,
    warmup_cosine,
)

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


@pytest.mark.parametrize("name", ["sgd", "lars", "adamw"])
def test_norms_and_biases_may_learn_at_a_share_of_the_rate(name: str) -> None:
    recipe = replace(RECIPE, optimizer=name, excluded_lr_share=0.024)  # type: ignore[arg-type]
    solver = build_optimizer(model(), recipe, 0.1)
    assert [group["lr"] for group in solver.param_groups] == pytest.approx([0.1, 0.0024])
    set_schedule(solver, 0.7, 0.3)
    assert [group["lr"] for group in solver.param_groups] == pytest.approx([0.7, 0.0168])
    resumed = build_optimizer(model(), recipe, 0.1)
    resumed.load_state_dict(solver.state_dict())
    set_schedule(resumed, 0.5, 0.3)
    assert [group["lr"] for group in resumed.param_groups] == pytest.approx([0.5, 0.012])


def with_gradients(scale: float) -> list[nn.Parameter]:
    """Return weights whose gradients have norms 5, 0.1 and 0 times `scale`, and one without."""
    rows = [torch.tensor([3.0, 4.0]), torch.tensor([[0.1]]), torch.zeros(2)]
    weights = [nn.Parameter(torch.zeros_like(one)) for one in rows]
    for weight, one in zip(weights, rows, strict=True):
        weight.grad = scale * one
    return [*weights, nn.Parameter(torch.zeros(3))]


def test_clipping_takes_the_norm_of_all_gradients_or_of_each() -> None:
    together, alone = with_gradients(1.0), with_gradients(1.0)
    clip_gradients(together, 3.0, "global")
    whole = math.hypot(5.0, 0.1)
    assert together[0].grad.norm() == pytest.approx(3 * 5 / whole, rel=1e-5)
    assert together[1].grad.norm() == pytest.approx(3 * 0.1 / whole, rel=1e-5)
    clip_gradients(alone, 3.0, "tensor")
    # The official code's factor: 3 / (norm + 1e-6).
    assert alone[0].grad.tolist() == pytest.approx([9 / 5.000001, 12 / 5.000001])
    assert alone[1].grad.item() == pytest.approx(0.1, rel=1e-7)
    assert alone[2].grad.tolist() == [0.0, 0.0]
    assert alone[3].grad is None
    small = with_gradients(0.5)
    clip_gradients(small, 3.0, "tensor")
    assert small[0].grad.tolist() == [1.5, 2.0]
    clip_gradients([nn.Parameter(torch.zeros(3))], 3.0, "tensor")


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


def test_a_warm_up_given_in_updates_is_kept_and_never_longer_than_the_training() -> None:
    assert Schedule.from_recipe(RECIPE, 200, warmup=3).warmup == 3
    assert Schedule.from_recipe(RECIPE, 200, warmup=300).warmup == 200
