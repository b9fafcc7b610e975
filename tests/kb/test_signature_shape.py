"""Claims: a jump is found at its step and a spike is none; swings, periods and rebounds of known
curves come out as worked out by hand; no series of floats makes a reducer raise or warn.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.run import FloatArray, Series
from kb.signature.reducers import REDUCERS, reduce_series
from kb.signature.robust import blocks, jitter
from kb.signature.shape import MAX_BLOCKS

NAN, INF = math.nan, math.inf


def reduced(reducer: str, values: FloatArray | Sequence[float], steps: object = None) -> float:
    logged = np.asarray(values, dtype=np.float64)
    clock = np.arange(logged.size) if steps is None else np.asarray(steps, dtype=np.int64)
    found = reduce_series(Series("loss", logged, clock), reducer)
    assert found is not None
    return found


def noise(size: int, spread: float, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, spread, size)


# Jumps


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("reducer", "factor"), [("jump_up", 1.5), ("jump_down", 0.5)])
def test_a_lasting_jump_is_found_with_its_size_and_its_step(
    reducer: str, factor: float, seed: int
) -> None:
    level = np.where(np.arange(100) < 60, 4.0, 4.0 * factor)
    values, steps = level + noise(100, 0.03, seed), 50 * np.arange(100) + 7
    assert reduced(reducer, values, steps) == pytest.approx(abs(factor - 1), abs=0.05)
    assert reduced(f"{reducer}_step", values, steps) == 60 * 50 + 7


def test_a_jump_of_one_direction_is_none_of_the_other() -> None:
    values = np.where(np.arange(60) < 30, 1.0, 2.0) + noise(60, 0.01)
    assert reduced("jump_up", values) > 0.9
    assert reduced("jump_down", values) == 0
    assert math.isnan(reduced("jump_down_step", values))


@pytest.mark.parametrize("length", [1, 2])
def test_a_spike_is_no_jump(length: int) -> None:
    values = 2 + noise(80, 0.02)
    values[40 : 40 + length] += 5
    assert reduced("jump_up", values) == 0
    assert reduced("jump_down", values) == 0


@pytest.mark.parametrize(
    "values",
    [
        np.full(50, 3.0),
        np.linspace(5, 1, 50),
        5 * np.exp(-np.linspace(0, 6, 200)),
        3 + noise(300, 0.3),
        np.round(2 + noise(200, 0.0004), 3),
    ],
    ids=["constant", "line", "decay", "noise", "rounded by the log"],
)
def test_smooth_and_noisy_curves_do_not_jump(values: FloatArray) -> None:
    assert reduced("jump_up", values) == 0
    assert reduced("jump_down", values) == 0


def test_a_jump_in_a_long_series_is_found_within_one_of_its_blocks() -> None:
    count, at = 50_000, 31_000
    values = np.where(np.arange(count) < at, 1.0, 1.6) + noise(count, 0.02)
    assert reduced("jump_up", values) == pytest.approx(0.6, abs=0.05)
    assert abs(reduced("jump_up_step", values) - at) <= count / MAX_BLOCKS + 1


def test_blank_and_broken_values_do_not_move_the_step_of_a_jump() -> None:
    values = np.where(np.arange(80) < 40, 1.0, 3.0) + noise(80, 0.01)
    values[[3, 17, 39, 55]] = [NAN, INF, -INF, NAN]
    assert reduced("jump_up_step", values) == 40


# Where in a run a curve is low or high


def test_low_and_high_are_stretches_and_not_single_values() -> None:
    values = np.concatenate([np.full(40, 5.0), np.full(20, 1.0), np.full(40, 3.0)])
    values[10], values[80] = -100, 100
    assert reduced("low", values) == 1
    assert reduced("high", values) == 5
    assert reduced("low_at", values) == pytest.approx(0.4, abs=0.03)
    assert reduced("high_at", values) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("values", "place"), [([1.0, 2.0, 3.0, 4.0], 1), ([4.0, 3.0, 2.0, 1.0], 0)]
)
def test_the_place_of_a_stretch_lies_between_0_and_1(values: list[float], place: int) -> None:
    assert reduced("high_at", values) == place
    assert reduced("low_at", values) == 1 - place


# Falls and rises


def test_warmup_and_decay_do_not_rebound_and_a_schedule_that_starts_again_does() -> None:
    time = np.linspace(0, 1, 200)
    once = np.minimum(time / 0.1, 0.5 * (1 + np.cos(math.pi * time)))
    assert reduced("rebound", once) == pytest.approx(0, abs=0.01)
    assert reduced("rebound", np.concatenate([once, once])) > 0.85


def test_a_rebound_is_as_large_as_the_smaller_of_fall_and_rise() -> None:
    curve = np.concatenate([np.linspace(4, 1, 100), np.linspace(1, 2, 50)])
    assert reduced("rebound", curve) == pytest.approx(0.25, abs=0.02)


# Trend, swing, spikes


def test_a_trend_is_its_change_in_units_of_the_noise() -> None:
    line = np.linspace(0, 2, 2000)
    late_change, spread = 1.0, 0.05
    assert reduced("trend", line + noise(2000, spread)) == pytest.approx(
        late_change / spread, rel=0.1
    )
    assert abs(reduced("trend", 3 + noise(2000, 0.1))) < 1


def test_the_swing_of_a_sine_is_its_range_over_its_level() -> None:
    turn = np.linspace(0, 40 * math.pi, 2000)
    # 5% and 95% of a sine's values lie below -cos and cos of a twentieth of half a turn.
    width = 2 * math.cos(math.pi / 20)
    assert reduced("swing", 5 + np.sin(turn)) == pytest.approx(width / 5, rel=0.02)
    assert reduced("swing", 5 + np.sin(turn) + turn / 50) == pytest.approx(width / 6.9, rel=0.05)
    assert reduced("swing", np.full(64, 2.0)) == 0
    assert reduced("swing", np.linspace(9, 1, 64)) == pytest.approx(0, abs=1e-9)


def test_spikes_are_counted_as_their_share() -> None:
    values = 2 + noise(200, 0.05)
    assert reduced("spikes", values) == 0
    values[[20, 60, 100, 140]] += 3
    assert reduced("spikes", values) == pytest.approx(4 / 192)


@pytest.mark.parametrize("rate", [5, 40])
def test_a_steep_start_is_no_spike(rate: float) -> None:
    assert reduced("spikes", 1 + 9 * np.exp(-rate * np.linspace(0, 1, 150))) == 0


def test_a_drop_is_no_spike() -> None:
    values = 2 + noise(200, 0.05)
    values[[20, 60, 100]] -= 1.5
    assert reduced("spikes", values) == 0


# Periods


@pytest.mark.parametrize("length", [5, 8, 20, 37])
def test_a_period_is_found_in_noise_and_not_its_multiple(length: int) -> None:
    turn = 2 * math.pi * np.arange(12 * length) / length
    values = 4 + np.sin(turn) + noise(turn.size, 0.2)
    assert reduced("period", values) == pytest.approx(length, abs=1)
    assert reduced("periodicity", values) > 0.7


def test_epoch_seams_on_a_falling_loss_are_periodic() -> None:
    count, epoch = 400, 25
    place = np.arange(count) % epoch
    values = 5 - 2 * np.arange(count) / count + 0.4 * (place < 3) + noise(count, 0.05)
    assert reduced("period", values) == epoch
    assert reduced("periodicity", values) > 0.5


def test_noise_trends_and_constants_have_no_period() -> None:
    strengths = [reduced("periodicity", noise(200, 1, seed)) for seed in range(20)]
    assert max(strengths) < 0.4
    assert reduced("periodicity", np.full(64, 3.0)) == 0
    assert math.isnan(reduced("period", np.full(64, 3.0)))
    assert reduced("periodicity", np.linspace(5, 1, 200)) < 0.4


# The clock


def test_a_clock_that_went_back_says_how_far_and_to_where() -> None:
    steps = [0, 100, 200, 180, 280, 380, 200, 300, 299]
    assert reduced("backtrack", np.ones(9), steps) == 180
    assert reduced("backtrack_step", np.ones(9), steps) == 200


@pytest.mark.parametrize("steps", [[0], [0, 1, 2], [5, 5, 5], [0, 1000, 1001]])
def test_a_clock_that_only_rises_or_stands_never_went_back(steps: list[int]) -> None:
    assert reduced("backtrack", np.ones(len(steps)), steps) == 0
    assert math.isnan(reduced("backtrack_step", np.ones(len(steps)), steps))


# What all reducers share

LEAST = {
    **dict.fromkeys(("low_at", "high_at", "rebound"), 3),
    "drift": 8,
    **dict.fromkeys(("slope", "trend", "noise", "swing", "spikes"), 16),
    **dict.fromkeys(("jump_up", "jump_up_step", "jump_down", "jump_down_step"), 16),
    **dict.fromkeys(("period", "periodicity"), 32),
}


@pytest.mark.parametrize("reducer", REDUCERS)
def test_each_reducer_is_unknown_below_its_documented_count(reducer: str) -> None:
    least = LEAST.get(reducer, 1)
    enough = Series.from_values("loss", [1.0] * least)
    fewer = Series.from_values("loss", [1.0] * (least - 1))
    assert reduce_series(enough, reducer) is not None
    assert reduce_series(fewer, reducer) is None


FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, NAN, INF, -INF])
SERIES = st.one_of(
    st.lists(FLOATS, max_size=80),
    st.builds(lambda value, count: [value] * count, FLOATS, st.integers(1, 80)),
    st.builds(lambda seed: (3 + noise(60, 1, seed)).tolist(), st.integers(0, 99)),
)
STEPS = st.integers(-(2**62), 2**62)


@given(values=SERIES, data=st.data())
@settings(max_examples=200, deadline=None)
def test_no_series_makes_a_reducer_raise_or_warn(values: list[float], data: st.DataObject) -> None:
    steps = data.draw(st.lists(STEPS, min_size=len(values), max_size=len(values)))
    series = Series("loss", np.array(values, dtype=np.float64), np.array(steps, dtype=np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for reducer in REDUCERS:
            found = reduce_series(series, reducer)
            assert found is None or isinstance(found, float)


@given(st.lists(st.floats(-1e6, 1e6), min_size=32, max_size=80))
@settings(max_examples=100, deadline=None)
def test_ordinary_values_never_give_infinity(values: list[float]) -> None:
    found = [reduce_series(Series.from_values("loss", values), reducer) for reducer in REDUCERS]
    assert not any(one is None or math.isinf(one) for one in found)


@given(st.lists(st.floats(0.1, 100), min_size=40, max_size=80), st.sampled_from([1e-6, 1e6]))
@settings(max_examples=60, deadline=None)
def test_relative_shapes_do_not_depend_on_the_unit(values: list[float], unit: float) -> None:
    for reducer in ("rebound", "swing", "jump_up", "jump_down", "periodicity"):
        assert reduced(reducer, np.array(values) * unit) == pytest.approx(
            reduced(reducer, values), rel=1e-6, abs=1e-6
        )


# The parts they are made of


@given(st.integers(1, 5000), st.integers(1, 300))
def test_blocks_are_few_equal_and_keep_the_newest(count: int, most: int) -> None:
    points, width = blocks(np.arange(count, dtype=np.float64), most)
    assert 1 <= points.size <= most
    assert points[-1] == count - 1 - (width - 1) / 2
    assert count - points.size * width < width


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_jitter_is_the_noise_and_not_the_trend(spread: float) -> None:
    curve = 100 * np.exp(-3 * np.linspace(0, 1, 3000))
    assert jitter(curve + noise(3000, spread)) == pytest.approx(spread, rel=0.1)
    assert jitter(np.linspace(0, 9, 20)) == pytest.approx(0, abs=1e-12)
