"""One chart as characters: curve, band, levels with labels, NaN marks, scale, cursor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.levels import Level
from kb.run import Series
from tui.run.picture import Chart, Painter, said, spread
from tui.run.raster import BAND, BROKEN, CIRCLE, QUADRANTS, Ink
from tui.run.scale import Scale, labels, number, scale_of
from tui.run.trace import Trace

ALLOWED = {*QUADRANTS.tolist(), BAND, BROKEN, CIRCLE, "●", "╌", "│", "↑", "↓", "·"}
CHANCE = Level(("chance", "collapse"), math.log(63), "ln(2B - 1)", "")


def chart_of(values: list[float], steps: list[int] | None = None, **more: object) -> Chart:
    held = np.arange(len(values)) if steps is None else np.array(steps)
    trace = Trace.from_series(Series("loss", np.array(values, dtype=float), held, "loss"))
    begin, end = trace.extent() or (0.0, 1.0)
    return Chart("loss", (trace,), begin, end, **more)  # type: ignore[arg-type]


def lines(chart: Chart, rows: int = 8, columns: int = 40, **more: object) -> list[str]:
    picture = Painter(chart).paint(rows, columns, log=False, **more)  # type: ignore[arg-type]
    return ["".join(row) for row in picture.grid.glyphs.tolist()]


@given(
    st.lists(
        st.one_of(st.floats(allow_nan=True, allow_infinity=True, width=64)), min_size=1, max_size=60
    ),
    st.integers(1, 14),
    st.integers(1, 70),
    st.booleans(),
)
def test_any_values_are_drawn_in_any_room(
    values: list[float], rows: int, columns: int, log: bool
) -> None:
    painter = Painter(chart_of(values, levels=(CHANCE,), marked=1.0))
    picture = painter.paint(rows, columns, log=log, cursor=2.0)
    assert picture.grid.glyphs.shape == (rows, columns)
    plotted = picture.grid.glyphs[picture.grid.inks != Ink.LABEL]
    assert set(plotted.tolist()) <= ALLOWED
    assert len(picture.axis) <= columns + 1


def test_chance_is_drawn_in_with_its_name_value_and_formula() -> None:
    text = "\n".join(lines(chart_of([4.6, 4.0, 3.5], levels=(CHANCE,)), columns=80))
    assert "chance = collapse 4.143 = ln(2B - 1)" in text
    assert "╌╌╌" in text


def test_a_level_far_outside_is_named_at_the_edge_with_an_arrow() -> None:
    values = [100.0 + n for n in range(20)]
    assert any(
        "↓ chance = collapse 4.143" in line for line in lines(chart_of(values, levels=(CHANCE,)))
    )
    flat = [0.001 + 1e-6 * n for n in range(20)]
    shown = "\n".join(lines(chart_of(flat, levels=(CHANCE,))))
    assert "↑" not in shown, "a flat curve loses nothing when the level is taken in"


def test_values_that_are_not_finite_are_marked_at_their_steps() -> None:
    drawn = lines(chart_of([1.0, 2.0] * 10 + [math.nan] * 20))
    marks = drawn[-1]
    assert marks[:19].count(BROKEN) == 0
    assert marks[21:].count(BROKEN) == 19
    assert all(line[25:].strip() in ("", BROKEN * len(line[25:].strip())) for line in drawn)


def test_a_gap_is_left_open_and_two_values_far_apart_are_joined() -> None:
    gap = lines(chart_of([1.0] * 40, [*range(20), *range(400, 420)]))
    assert any("  " * 5 in line.strip() for line in gap if line.strip())
    joined = lines(chart_of([1.0, 2.0]))
    assert all(any(line[column] != " " for line in joined) for column in range(40))


def test_the_band_reaches_a_spike_that_the_mean_hides() -> None:
    values = [1.0] * 4000
    values[2000] = 9.0
    top = lines(chart_of(values))[0]
    assert top.count(BAND) == 1
    assert top.index(BAND) == 20


def test_two_curves_are_told_apart_without_colour() -> None:
    one, two = chart_of([1.0] * 40), chart_of([2.0] * 40)
    both = Chart("loss", (*one.curves, *two.curves), 0, 39)
    text = "\n".join(lines(both))
    assert CIRCLE * 40 in text
    assert "▄" * 40 in text or "▀" * 40 in text


def test_the_cursor_reads_the_value_with_its_step_and_the_spread_of_its_column() -> None:
    painter = Painter(chart_of([float(n) for n in range(400)]))
    painter.paint(8, 40, log=False)
    reading = painter.read(0, painter.step_of(20, 40), 40)
    assert reading is not None
    assert 200 <= reading.step <= 209
    assert said(reading) == f"{reading.step} at step {reading.step}"
    assert spread(reading).startswith("10 values here, 200 to 209")


@pytest.mark.parametrize("log", [True, False])
@given(st.floats(1e-9, 1e9), st.floats(1.0001, 1e6))
def test_a_scale_takes_in_its_values_and_gives_them_back(
    log: bool, low: float, factor: float
) -> None:
    scale = scale_of(low, low * factor, [], log=log)
    share = scale.share(np.array([low, low * factor]))
    assert ((share >= 0) & (share <= 1)).all()
    assert scale.value(float(share[1])) == pytest.approx(low * factor, rel=1e-6)
    assert len(labels(scale, 8)) >= 1


def test_a_logarithmic_scale_is_not_taken_for_values_at_or_below_zero() -> None:
    assert not scale_of(0.0, 10.0, [], log=True).log
    assert np.isnan(Scale(1, 10, True).share(np.array([-1.0]))).all()


def test_values_over_many_decades_start_out_logarithmic() -> None:
    assert chart_of([1e-5, 1.0, 1e3]).by_default_log
    assert not chart_of([1.0, 3.0]).by_default_log


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4.1431347, "4.143"), (1e-4, "0.0001"), (3e-7, "3e-7"), (12.0, "12"), (65536, "65,536"),
        (1.5e12, "1.5e12"), (math.nan, "NaN"), (-math.inf, "-inf"), (0.0, "0"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("high", [1e308, 1.6e308, 1.79e308])
def test_a_logarithmic_scale_ends_where_floats_do(high: float) -> None:
    scale = scale_of(1e-300, high, [], log=True)
    assert 1e308 <= scale.high < math.inf
