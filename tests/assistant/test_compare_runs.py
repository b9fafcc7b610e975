"""Claims: two runs that part are told with the first step and metric; two seeds of one curve are
told to be alike, however their noise lasts and whatever their clocks.
"""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import run_of

from assistant.compare import MIN_SHARED, Comparison, Parting, compare
from kb.run import FloatArray, IntArray, Run, Series

COUNT = 400
TIME = np.linspace(0, 1, COUNT)
CURVES = {
    "falling": 2 + 4 * np.exp(-5 * TIME),
    "flat": np.full(COUNT, 4.0),
    "below zero": -0.9 + 0.6 * np.exp(-8 * TIME),
}


def noise(seed: int, spread: float, lasting: float = 0.0, count: int = COUNT) -> FloatArray:
    """Return noise of this spread; `lasting` is how much of a value is left in the next."""
    steps = np.random.default_rng(seed).normal(0, spread * math.sqrt(1 - lasting**2), count)
    for place in range(1, count if lasting else 0):
        steps[place] += lasting * steps[place - 1]
    return np.asarray(steps)


def logged(values: FloatArray, steps: IntArray | None = None, metric: str = "loss") -> Run:
    clock = np.arange(values.size) if steps is None else steps
    return Run({}, {metric: Series(metric, values, clock)})


def of_loss(found: Comparison) -> Parting:
    (parting,) = found.partings
    assert parting.metric == "loss"
    return parting


# Alike


@pytest.mark.parametrize("lasting", [0.0, 0.8])
@pytest.mark.parametrize("curve", CURVES)
def test_two_seeds_of_a_curve_do_not_part(curve: str, lasting: float) -> None:
    for seed in range(30):
        a, b = (CURVES[curve] + noise(one, 0.1, lasting) for one in (seed, 1000 + seed))
        assert of_loss(compare(logged(a), logged(b))).step is None, seed


@given(st.integers(0, 10**6), st.sampled_from([0.001, 0.05, 0.5]), st.sampled_from([30, 100, 900]))
@settings(max_examples=60, deadline=None)
def test_no_seed_length_or_noise_makes_a_curve_part_from_itself(
    seed: int, spread: float, count: int
) -> None:
    curve = 2 + 4 * np.exp(-5 * np.linspace(0, 1, count))
    a, b = (curve + noise(one, spread, count=count) for one in (seed, seed + 1))
    assert of_loss(compare(logged(a), logged(b))).step is None


def test_a_run_does_not_part_from_itself_to_the_digit() -> None:
    run = logged(CURVES["falling"])
    parting = of_loss(compare(run, run))
    assert parting.step is None
    assert parting.deviations == 0
    assert parting.a == parting.b


def test_other_steps_of_logging_are_no_difference() -> None:
    """One logs every 10 steps, the other every 17, over the same curve."""
    clocks = [np.arange(0, 4000, 10), np.arange(5, 4000, 17)]
    a, b = (
        logged(2 + 4 * np.exp(-clock / 800) + noise(seed, 0.05, count=clock.size), clock)
        for seed, clock in enumerate(clocks)
    )
    assert of_loss(compare(a, b)).step is None


def test_less_than_one_percent_is_no_difference_even_without_noise() -> None:
    a, b = logged(np.full(100, 4.0)), logged(np.full(100, 4.03))
    assert of_loss(compare(a, b)).step is None
    assert of_loss(compare(a, logged(np.full(100, 4.1)))).step == 0


# Parting


@pytest.mark.parametrize("at", [60, 200, 330])
@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found_within_five_percent_of_the_run(at: int, seed: int) -> None:
    a, b = (CURVES["falling"] + noise(one, 0.1) for one in (seed, seed + 50))
    b = b + np.where(np.arange(COUNT) >= at, 0.8, 0)
    parting = of_loss(compare(logged(a, 10 * np.arange(COUNT)), logged(b, 10 * np.arange(COUNT))))
    assert parting.step is not None
    assert abs(parting.step - 10 * at) <= 0.05 * 10 * COUNT
    assert parting.b > parting.a
    assert parting.deviations > 6


def test_a_slow_parting_is_found_when_it_has_left_the_noise() -> None:
    a, b = (CURVES["flat"] + noise(seed, 0.1) for seed in (1, 2))
    b = b + np.maximum(np.arange(COUNT) - 200, 0) * 0.02
    step = of_loss(compare(logged(a), logged(b))).step
    assert step is not None
    assert 200 < step <= 240


def test_runs_that_never_met_part_at_their_first_step() -> None:
    a, b = CURVES["falling"] + noise(1, 0.05), 9 + noise(2, 0.05)
    steps = np.arange(COUNT) + 100
    assert of_loss(compare(logged(a, steps), logged(b, steps))).step == 100


@pytest.mark.parametrize("length", [1, 15, 80])
def test_what_heals_is_no_parting(length: int) -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[200 : 200 + length] += 5
    assert of_loss(compare(logged(a), logged(b))).step is None


def test_a_difference_of_the_last_values_has_not_stayed_yet() -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[-12:] += 5
    assert of_loss(compare(logged(a), logged(b))).step is None
    b[-50:-12] += 5
    assert of_loss(compare(logged(a), logged(b))).step == pytest.approx(COUNT - 50, abs=10)


def test_the_metric_that_parts_first_comes_first() -> None:
    base = {"loss": CURVES["falling"], "z_std": np.full(COUNT, 0.08), "grad_norm": np.ones(COUNT)}
    shift = {"loss": (300, 1.0), "z_std": (150, -0.07), "grad_norm": (COUNT, 0.0)}
    a = run_of(**{name: one + noise(1, 0.002) for name, one in base.items()})
    b = run_of(
        **{
            name: one + noise(2, 0.002) + np.where(np.arange(COUNT) >= at, by, 0)
            for name, one in base.items()
            for at, by in [shift[name]]
        }
    )
    found = compare(a, b)
    assert [one.metric for one in found.partings] == ["z_std", "loss", "grad_norm"]
    assert found.partings[-1].step is None


def test_only_steps_that_both_logged_count() -> None:
    """The second run goes on far below; where both have values they are alike."""
    curve = 5 - np.arange(800) / 200
    a = logged(curve[:400] + noise(1, 0.05))
    b = logged(curve + noise(2, 0.05, count=800))
    assert of_loss(compare(a, b)).step is None


def test_a_step_logged_twice_counts_by_its_later_value() -> None:
    """A resumed run logs steps again, from a checkpoint that lay 100 steps back."""
    steps = np.concatenate([np.arange(300), np.arange(200, COUNT)])
    values = CURVES["falling"][steps] + noise(3, 0.05, count=steps.size)
    values[200:300] += 9
    whole = logged(CURVES["falling"] + noise(4, 0.05))
    assert of_loss(compare(whole, logged(values, steps))).step is None


# Values that are not finite


def test_a_run_that_breaks_parts_where_it_breaks() -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[300:] = math.nan
    parting = of_loss(compare(logged(a), logged(b)))
    assert parting.step == 300
    assert parting.a == pytest.approx(2.2, abs=0.4)
    assert math.isnan(parting.b)
    mirrored = of_loss(compare(logged(b), logged(a)))
    assert mirrored.step == 300
    assert math.isnan(mirrored.a)


def test_a_run_that_leaves_and_then_breaks_parts_where_it_leaves() -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[200:] += 3
    b[300:] = math.inf
    assert of_loss(compare(logged(a), logged(b))).step == pytest.approx(200, abs=20)


def test_single_overflows_and_common_ends_are_no_parting() -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[[50, 150, 250]] = math.inf
    assert of_loss(compare(logged(a), logged(b))).step is None
    a[380:] = b[380:] = math.nan
    assert of_loss(compare(logged(a), logged(b))).step is None


def test_a_run_that_had_ended_before_the_other_broke_did_not_part_from_it() -> None:
    a, b = (CURVES["falling"] + noise(seed, 0.1) for seed in (1, 2))
    b[300:] = math.nan
    assert of_loss(compare(logged(a[:250]), logged(b))).step is None


FLOATS = st.floats() | st.sampled_from([0.0, 1e308, -1e308, math.nan, math.inf])
STEPS = st.integers(-(2**40), 2**40)
ANY = st.lists(st.tuples(FLOATS, STEPS), max_size=60)


@given(ANY, ANY)
@settings(max_examples=150, deadline=None)
def test_no_two_series_make_it_raise_and_its_json_is_json(
    first: list[tuple[float, int]], second: list[tuple[float, int]]
) -> None:
    a, b = (
        logged(
            np.array([value for value, _ in one], dtype=np.float64),
            np.array([step for _, step in one], dtype=np.int64),
        )
        for one in (first, second)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare(a, b)
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.partings) + len(found.too_short) == 1


# What else differs


def test_settings_and_metrics_that_differ_are_listed() -> None:
    a = run_of({"lr": 0.1, "method": "byol", "epochs": 9}, loss=[1.0] * 9, z_std=[0.1] * 9)
    b = run_of({"lr": 0.2, "method": "byol", "dim": 64}, loss=[1.0] * 9, knn_acc=[0.1] * 9)
    found = compare(a, b)
    assert found.settings == {"dim": (None, 64), "epochs": (9, None), "lr": (0.1, 0.2)}
    assert found.only_a == ("z_std",)
    assert found.only_b == ("knn_acc",)
    assert found.to_dict()["settings"] == {"dim": [None, 64], "epochs": [9, None], "lr": [0.1, 0.2]}


@pytest.mark.parametrize(("count", "short"), [(MIN_SHARED - 1, ("loss",)), (MIN_SHARED, ())])
def test_a_metric_with_few_shared_values_is_named_as_too_short(
    count: int, short: tuple[str, ...]
) -> None:
    found = compare(run_of(loss=[1.0] * count), run_of(loss=[1.0] * 50))
    assert found.too_short == short
    assert len(found.partings) == 1 - len(short)


def test_clocks_are_not_compared() -> None:
    a, b = run_of(epoch=range(20), step=range(20)), run_of(epoch=range(0, 40, 2), step=[5] * 20)
    assert compare(a, b).partings == ()
