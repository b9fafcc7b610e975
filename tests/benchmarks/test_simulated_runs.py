"""Simulated runs: a function of their seed, within their own closed forms, consistent."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulated import FAULTS, Simulated, faulty, healthy, twin
from benchmarks.simulated.methods import NAMES
from benchmarks.simulated.metrics import available
from benchmarks.simulated.setting import Wish, draw_setting
from benchmarks.simulated.states import draw_states
from kb.errors import UsageError
from kb.run import CONFIG_NAMES, Run
from kb.vocabulary import vocabulary

SEED = 7
BOUNDED_BY_CHANCE = ("simclr", "supcon", "mocov3", "byol", "simsiam", "swav", "barlow", "clip")


@pytest.fixture(scope="module")
def many() -> list[Simulated]:
    return list(healthy(300, SEED))


@pytest.fixture(scope="module")
def sick() -> dict[str, list[Simulated]]:
    return {entry: list(faulty(entry, 4, SEED)) for entry in FAULTS}


def _same(one: Run, other: Run) -> bool:
    return (
        one.config == other.config
        and list(one.series) == list(other.series)
        and all(
            np.array_equal(one.series[name].values, other.series[name].values, equal_nan=True)
            and np.array_equal(one.series[name].steps, other.series[name].steps)
            for name in one.series
        )
    )


def test_a_run_is_a_function_of_seed_and_number() -> None:
    few, more = list(healthy(3, SEED)), list(healthy(5, SEED))
    assert all(_same(a.run, b.run) for a, b in zip(few, more, strict=False))
    assert not any(_same(a.run, b.run) for a, b in zip(few, healthy(3, SEED + 1), strict=True))
    entry = "optim/lr-too-high"
    assert all(
        _same(a.run, b.run)
        for a, b in zip(faulty(entry, 2, SEED), faulty(entry, 2, SEED), strict=True)
    )


def test_there_are_thirty_faults_and_each_run_names_its_own(
    sick: dict[str, list[Simulated]],
) -> None:
    assert len(FAULTS) >= 30
    for entry, runs in sick.items():
        assert [one.truth for one in runs] == [entry] * 4
        assert all(entry not in one.also for one in runs)
        assert all(one.notes == FAULTS[entry].happens for one in runs)


def test_every_fault_says_what_happens() -> None:
    assert all(len(fault.happens.split()) >= 6 for fault in FAULTS.values())


def test_an_unknown_fault_is_refused_with_the_nearest_spelling() -> None:
    with pytest.raises(UsageError, match="collapse/complete"):
        next(faulty("collapse/complet", 1, SEED))


def test_every_method_occurs_among_healthy_runs(many: list[Simulated]) -> None:
    assert {str(one.parameters["method"]) for one in many} == set(NAMES)


def test_names_are_those_of_the_vocabulary_and_of_the_config(
    many: list[Simulated], sick: dict[str, list[Simulated]]
) -> None:
    for one in [*many, *(one for runs in sick.values() for one in runs)]:
        assert set(one.run.series) <= set(vocabulary().names())
        assert set(one.run.config) <= set(CONFIG_NAMES)
        for series in one.run:
            assert series.values.shape == series.steps.shape
            assert len(series) >= 1


def test_known_settings_are_the_true_ones(many: list[Simulated]) -> None:
    for one in many:
        for name, value in one.run.config.items():
            if name != "method":
                assert value == one.parameters[name]


def test_settings_are_known_about_as_often_as_the_readme_says(many: list[Simulated]) -> None:
    known = Counter(name for one in many for name in one.run.config)
    assert 0.9 < known["method"] / len(many) < 1.0
    assert 0.7 < known["batch_size"] / len(many) < 0.9


def test_a_healthy_run_is_finite_and_within_units(many: list[Simulated]) -> None:
    for one in many:
        for series in one.run:
            assert np.isfinite(series.values).all(), (one.name, series.metric)
        for name in ("knn_acc", "online_acc", "contrast_acc", "clip_frac", "dead_dims"):
            if name in one.run.series:
                values = one.run.series[name].values
                assert values.min() >= 0
                assert values.max() <= 1


def test_levels_lie_between_floor_and_chance() -> None:
    checked: Counter[str] = Counter()
    for number in range(400):
        setting = draw_setting((SEED, number), Wish())
        levels = draw_states(setting).levels
        if setting.method in BOUNDED_BY_CHANCE and math.isfinite(levels.floor):
            assert levels.floor <= levels.end < levels.start <= 1.04 * levels.chance + 1e-9
            checked[setting.method] += 1
    assert len(checked) == len(BOUNDED_BY_CHANCE) - 1  # swav has no floor


def test_a_healthy_contrastive_loss_ends_below_chance(many: list[Simulated]) -> None:
    seen = 0
    for one in many:
        if one.parameters["method"] != "simclr":
            continue
        batch = int(one.parameters["batch_size"])
        world = int(one.parameters["world_size"]) if one.parameters["gathered"] else 1
        values = one.run.series["loss"].values
        chance = math.log(2 * batch * world - 1) * (2 if values[0] > 1.5 * _chance(one) else 1)
        assert values[-max(3, values.size // 4) :].mean() < 0.97 * chance
        assert abs(values[0] / chance - 1) < 0.12
        seen += 1
    assert seen >= 8


def _chance(one: Simulated) -> float:
    world = int(one.parameters["world_size"]) if one.parameters["gathered"] else 1
    return math.log(2 * int(one.parameters["batch_size"]) * world - 1)


def test_odd_looking_healthy_runs_are_among_them(many: list[Simulated]) -> None:
    losses = {one.name: one.run.series["loss"] for one in many}
    method = {one.name: one.parameters["method"] for one in many}
    rises = [
        n for n in losses if method[n] == "moco" and losses[n].values[0] < losses[n].values[-1]
    ]
    assert rises
    assert any(losses[n].values[-1] < -0.8 for n in losses if method[n] == "simsiam")
    assert any((np.diff(series.steps) < 0).any() for series in losses.values())
    assert any(len(series) < 60 for series in losses.values())
    assert any(len(series) > 8000 for series in losses.values())
    late = [
        n
        for n in losses
        if method[n] in ("dino", "ijepa", "byol", "data2vec")
        and losses[n].values[-5:].mean() > 1.1 * np.abs(losses[n].values).min()
    ]
    assert late


def test_a_resumed_healthy_run_repeats_steps_without_a_jump(many: list[Simulated]) -> None:
    resumed = [one for one in many if one.parameters["resumed"]]
    assert resumed
    for one in resumed:
        series = one.run.series["loss"]
        again = int(np.argmin(np.diff(series.steps))) + 1
        around = series.values[max(0, again - 4) : again + 4]
        assert np.ptp(around) < 0.25 * np.ptp(series.values)


def test_weighted_vicreg_terms_add_up_to_the_loss(many: list[Simulated]) -> None:
    names = ("term/inv", "term/var", "term/cov")
    seen = 0
    for one in many:
        if one.parameters["method"] != "vicreg" or not set(names) <= set(one.run.series):
            continue
        parts = [one.run.series[name].values for name in names]
        sums = [25 * parts[0] + double * 25 * parts[1] + parts[2] for double in (1, 2)]
        loss = one.run.series["loss"].values
        smooth = np.median([np.abs(total / loss - 1) for total in sums], axis=1)
        assert smooth.min() < 1e-6
        seen += 1
    assert seen >= 2


@pytest.mark.parametrize("entry", FAULTS)
def test_a_faulty_run_logs_what_shows_its_fault(
    entry: str, sick: dict[str, list[Simulated]]
) -> None:
    for one in sick[entry]:
        for group in FAULTS[entry].shows:
            assert set(group) & set(one.run.series), (one.name, group)
        assert set(FAULTS[entry].says) <= set(one.run.config) | {"temperature", "prototypes"}


@pytest.mark.parametrize("entry", FAULTS)
def test_a_twin_has_the_clock_of_its_faulty_run_and_no_label(
    entry: str, sick: dict[str, list[Simulated]]
) -> None:
    for number, one in enumerate(sick[entry]):
        other = twin(entry, number, SEED)
        assert other.truth is None
        assert other.also == ()
        assert np.array_equal(one.run.series["loss"].steps, other.run.series["loss"].steps)
        assert not _same(one.run, other.run)


def test_a_method_logs_only_what_it_has() -> None:
    for number in range(60):
        states = draw_states(draw_setting((SEED, number), Wish()))
        names = available(states)
        assert ("teacher_entropy" in names) == (states.setting.method in ("dino", "ibot"))
        assert ("logit_scale" in names) == (states.setting.method == "clip")
        assert ("amp_scale" in names) == (states.setting.config["precision"] == "fp16")
        assert ("ema_m" in names) == states.setting.recipe.teacher


def test_the_readme_gives_ranges_for_every_fault() -> None:
    text = (Path(__file__).parents[2] / "benchmarks/simulated/README.md").read_text()
    assert [entry for entry in FAULTS if entry not in text] == []
