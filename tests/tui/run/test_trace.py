"""Decimation: nothing of a series is lost or invented, whatever its steps and values."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.run import Series
from tui.run.trace import Trace, decimate, nearest_value

VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf"), -float("inf"), 1.7e308])
)


def series_of(values: list[float], steps: list[int] | None = None) -> Series:
    held = np.arange(len(values)) if steps is None else np.array(steps)
    return Series("loss", np.array(values, dtype=float), held.astype(np.int64), "loss")


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    values = draw(st.lists(VALUES, min_size=1, max_size=80))
    steps = draw(st.lists(st.integers(-1000, 10_000), min_size=len(values), max_size=len(values)))
    return series_of(values, steps)


@given(any_series(), st.integers(1, 50))
def test_columns_hold_every_value_within_their_extremes(series: Series, columns: int) -> None:
    trace = Trace.from_series(series)
    begin, end = trace.extent() or (0.0, 0.0)
    held = decimate(trace, begin, end, columns)
    finite = series.values[np.isfinite(series.values)]
    assert held.counts.sum() == len(series)
    assert held.broken.sum() == len(series) - finite.size
    if finite.size:
        assert np.nanmin(held.low) == finite.min()
        assert np.nanmax(held.high) == finite.max()
    some = ~np.isnan(held.mean)
    assert (held.low[some] <= held.mean[some]).all()
    assert (held.mean[some] <= held.high[some]).all()


@given(any_series(), st.integers(1, 50))
def test_a_condensed_trace_draws_as_the_whole_one(series: Series, most: int) -> None:
    trace = Trace.from_series(series)
    short = trace.condensed(most)
    assert len(short) <= max(most, len(trace) if len(trace) <= most else most)
    assert short.extremes() == trace.extremes()
    assert short.counts.sum() == trace.counts.sum()
    assert short.broken.sum() == trace.broken.sum()
    assert short.extent() is not None
    assert short.steps[-1] == trace.steps[-1]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=60), st.integers(1, 59))
def test_a_run_read_in_two_pieces_is_the_run(values: list[float], cut: int) -> None:
    whole = Trace.from_series(series_of(values))
    first = Trace.from_series(series_of(values[:cut], list(range(min(cut, len(values))))))
    joined = first.followed_by(whole)
    np.testing.assert_array_equal(joined.steps, whole.steps)
    np.testing.assert_array_equal(joined.values, whole.values)


def test_one_spike_in_a_million_shows_and_takes_no_longer_than_a_frame() -> None:
    values = np.random.default_rng(0).normal(4, 0.1, 1_000_000)
    values[623_457], values[77] = 50.0, np.nan
    series = Series("loss", values, np.arange(values.size), "loss")
    spent = []
    for _ in range(3):
        begun = time.process_time()
        trace = Trace.from_series(series)
        held = decimate(trace, 0, values.size - 1, 160)
        spent.append(time.process_time() - begun)
    assert np.nanmax(held.high) == 50.0
    assert held.broken.sum() == 1
    assert min(spent) < 0.1


def test_a_gap_stays_open_and_short_distances_are_joined() -> None:
    steps = [*range(0, 100, 10), *range(1000, 1100, 10)]
    held = decimate(Trace.from_series(series_of([1.0] * 20, steps)), 0, 1090, 20)
    last = int(np.flatnonzero(held.counts)[np.flatnonzero(held.counts) < 10][-1])
    assert held.open[last]
    assert not held.open[:last].any()


def test_a_step_that_went_back_is_drawn_in_its_place() -> None:
    trace = Trace.from_series(series_of([1, 2, 3, 9, 8], [0, 1, 2, 1, 2]))
    assert trace.steps.tolist() == [0, 1, 1, 2, 2]
    assert trace.values.tolist() == [1, 2, 9, 3, 8]


@pytest.mark.parametrize(("step", "place"), [(-5, 0), (0.4, 0), (0.6, 1), (9, 2)])
def test_the_nearest_value_is_read(step: float, place: int) -> None:
    assert nearest_value(Trace.from_series(series_of([3, 2, 1])), step) == place


def test_nothing_logged_is_nothing_read() -> None:
    trace = Trace.from_series(series_of([]))
    assert (trace.extent(), trace.extremes(), nearest_value(trace, 3)) == (None, None, None)
