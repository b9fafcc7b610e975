"""Chance, collapse and floor of a run's own config, in the scale in which it logs its loss."""

from __future__ import annotations

import math

import numpy as np
import pytest

from assistant.levels import levels_of
from kb.run import Run, Series
from kb.types import Scalar


def run_of(config: dict[str, Scalar], **values: float) -> Run:
    noise = np.random.default_rng(0).normal(0, 1e-3, 64)
    series = {name: Series.from_values(name, list(value + noise)) for name, value in values.items()}
    return Run(config, series)


def test_nt_xent_has_its_chance_value_which_is_its_collapse_and_its_floor() -> None:
    levels = levels_of(run_of({"method": "SimCLR", "batch_size": 32, "temperature": 0.5}, loss=3.9))
    floor, chance = levels["loss"]
    assert (floor.kinds, chance.kinds) == (("floor",), ("chance", "collapse"))
    assert chance.value == pytest.approx(math.log(63))
    assert chance.label == "chance = collapse 4.143"
    assert floor.value < chance.value


def test_a_loss_summed_over_directions_is_read_in_its_own_scale() -> None:
    run = run_of({"method": "simclr", "batch_size": 32}, loss=2 * math.log(63))
    assert levels_of(run)["loss"][-1].value == pytest.approx(2 * math.log(63))


def test_a_missing_setting_leaves_out_only_what_needs_it() -> None:
    levels = levels_of(run_of({"method": "simclr", "batch_size": 32}, loss=3.0))
    assert [one.kinds for one in levels["loss"]] == [("chance", "collapse")]


def test_without_a_method_a_loss_has_no_levels() -> None:
    assert levels_of(run_of({"batch_size": 32}, loss=4.143)) == {}


def test_metrics_are_read_against_their_own_constants() -> None:
    levels = levels_of(run_of({"dim": 64, "classes": 10}, z_std=0.1, knn_acc=0.4))
    assert [(one.kinds, one.value) for one in levels["z_std"]] == [
        (("collapse",), 0.0),
        (("isotropic",), 0.125),
    ]
    assert [one.value for one in levels["knn_acc"]] == [0.1]


@pytest.mark.parametrize("value", [0, -3, "many", float("nan"), float("inf"), True])
def test_an_impossible_setting_gives_no_level(value: Scalar) -> None:
    run = run_of({"method": "simclr", "batch_size": value, "dim": value}, loss=4.0, z_std=0.1)
    assert "loss" not in levels_of(run)
    assert [one.kinds for one in levels_of(run)["z_std"]] == [("collapse",)]
