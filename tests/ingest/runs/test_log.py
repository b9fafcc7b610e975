"""What a Log keeps: bounded columns thinned evenly, settings and names that can be shown."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.runs import log as log_module
from ingest.runs.log import MAX_NAME, MAX_TEXT, Column, Log, number

MOST = 16

values = st.lists(
    st.one_of(st.floats(-5, 5), st.sampled_from([math.nan, math.inf, -math.inf])), max_size=300
)


def _column(logged: list[float], most: int = MOST) -> Column:
    column = Column()
    for step, value in enumerate(logged):
        column.add(step, value, most)
    return column


def _steps(column: Column) -> list[int]:
    return [int(step) for step in column.arrays()[0]]


def test_a_column_below_its_bound_keeps_every_value() -> None:
    column = _column([float(at) for at in range(MOST - 1)])
    assert _steps(column) == list(range(MOST - 1))
    assert column.keep == 1


@pytest.mark.parametrize("count", [16, 17, 100, 1000, 4097])
def test_a_thinned_column_is_even_and_ends_with_the_newest_value(count: int) -> None:
    steps = _steps(_column([1.0] * count))
    gaps = {after - before for before, after in pairwise(steps[:-1])}
    assert len(gaps) == 1
    assert steps[-1] == count - 1
    assert MOST / 2 <= len(steps) <= MOST


@given(logged=values)
def test_a_column_holds_at_most_its_bound_and_one(logged: list[float]) -> None:
    column = _column(logged)
    assert len(column.values) < MOST
    assert len(_steps(column)) <= MOST


@given(logged=values)
def test_what_a_column_keeps_was_logged_and_is_in_order(logged: list[float]) -> None:
    steps, kept = _column(logged).arrays()
    assert np.array_equal(np.array(logged)[steps], kept, equal_nan=True)
    assert (np.diff(steps) > 0).all()


@given(
    logged=st.integers(1, 300).flatmap(
        lambda count: st.tuples(st.just(count), st.integers(0, count - 1))
    ),
    odd=st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_a_value_that_is_not_finite_is_never_thinned_away(
    logged: tuple[int, int], odd: float
) -> None:
    count, at = logged
    column = _column([odd if step == at else 1.0 for step in range(count)])
    steps, kept = column.arrays()
    assert steps[~np.isfinite(kept)].tolist() == [at]


def test_the_first_of_several_odd_values_is_kept() -> None:
    logged = [math.nan if step >= 100 else 1.0 for step in range(500)]
    steps, kept = _column(logged).arrays()
    assert steps[np.isnan(kept)][0] == 100


@given(logged=values, sizes=st.lists(st.integers(0, 60), max_size=30))
def test_many_values_at_once_are_kept_as_one_by_one(logged: list[float], sizes: list[int]) -> None:
    column, begun = Column(), 0
    for size in [*sizes, len(logged)]:
        piece = np.array(logged[begun : begun + size])
        column.extend(np.arange(begun, begun + len(piece)), piece, MOST)
        begun += len(piece)
    for held, expected in zip(column.arrays(), _column(logged).arrays(), strict=True):
        assert np.array_equal(held, expected, equal_nan=True)


def test_a_log_that_is_not_followed_keeps_everything() -> None:
    log = Log()
    log.extend("loss", range(10_000), [1.0] * 10_000)
    assert len(log.columns["loss"].values) == 10_000


@pytest.mark.parametrize("most", [None, MOST])
def test_columns_beyond_the_bound_are_left_out_and_found(
    monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    monkeypatch.setattr(log_module, "MAX_COLUMNS", 3)
    log = Log(most=most)
    for at in range(5):
        log.add(f"metric {at}", 0, 1.0)
    log.add("metric 1", 1, 2.0)
    assert list(log.columns) == ["metric 0", "metric 1", "metric 2"]
    assert len(log.columns["metric 1"].values) == 2
    assert [one.kind for one in log.findings] == ["left out"]


def test_values_beyond_the_bound_are_left_out_and_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "MAX_VALUES", 10)
    log = Log()
    log.extend("loss", range(8), [1.0] * 8)
    log.extend("acc", range(8), [1.0] * 8)
    log.add("acc", 0, 1.0)
    assert (len(log.columns["loss"].values), len(log.columns["acc"].values)) == (8, 1)
    assert [one.kind for one in log.findings] == ["left out"]


@pytest.mark.parametrize(
    ("step", "kept"), [(2**80, 2**62), (-(2**80), -(2**62)), (2**62 - 1, 2**62 - 1)]
)
def test_a_step_beyond_64_bits_is_the_largest(step: int, kept: int) -> None:
    log = Log()
    log.add("loss", step, 1.0)
    log.extend("loss", [step], [1.0])
    assert list(log.columns["loss"].steps) == [kept, kept]


def test_clearing_forgets_everything_but_the_logger() -> None:
    log = Log("dino")
    log.add("loss", 0, 1.0)
    log.set("lr", 0.1)
    log.find("left out", "something")
    log.clear()
    log.find("left out", "something else")
    assert (log.logger, log.columns, log.settings, log.values) == ("dino", {}, {}, 0)
    assert [one.text for one in log.findings] == ["something else"]


# Names and texts

hostile = st.text(
    st.one_of(st.characters(), st.sampled_from("\t\n\r\0\x1b\u2028\ud800\udfff\u202e")),
    max_size=MAX_TEXT + 50,
)


def _can_be_shown(text: str, most: int) -> bool:
    return (
        text.encode("utf-8").decode() == text
        and len(text.splitlines()) <= 1
        and (len(text) <= most and "\t" not in text and "\x1b" not in text)
    )


@given(name=hostile, text=hostile)
@example(name="loss\ud800", text="half \udfff")
def test_names_and_texts_are_one_line_of_utf_8(name: str, text: str) -> None:
    log = Log()
    log.add(name, 0, 1.0)
    log.set(name, text)
    log.set("list", [text, text])
    log.find("left out", text)
    assert all(_can_be_shown(one, MAX_NAME) for one in [*log.columns, *log.settings])
    texts = [*map(str, log.settings.values()), *(one.text for one in log.findings)]
    assert all(_can_be_shown(one, MAX_TEXT) for one in texts)


def test_one_name_is_one_column_however_often_it_is_cleaned() -> None:
    log = Log()
    log.add("lo\x00ss", 0, 1.0)
    log.extend("lo\x00ss", [1], [2.0])
    log.add("loss", 2, 3.0)
    assert list(log.columns) == ["loss"]
    assert list(log.columns["loss"].values) == [1.0, 2.0, 3.0]


def test_blanks_inside_of_a_name_stay() -> None:
    log = Log()
    log.add(" train  loss ", 0, 1.0)
    assert list(log.columns) == ["train  loss"]


def test_nested_settings_have_dotted_names_and_lists_are_joined() -> None:
    log = Log()
    log.set("", {"optim": {"lr": 0.1, "betas": [0.9, 0.999]}, "none": None, "on": True})
    assert log.settings == {"optim.lr": 0.1, "optim.betas": "0.9,0.999", "on": True}


def test_settings_nested_too_deep_are_left_out() -> None:
    nested: object = {"lr": 1}
    for _ in range(20):
        nested = {"a": nested}
    log = Log()
    log.set("", {"deep": nested, "lr": 2})
    assert log.settings == {"lr": 2}


def test_a_setting_of_any_size_becomes_one_that_can_be_written() -> None:
    log = Log()
    huge = 16**10_000
    log.set("", {"number": huge, "minus": -huge, "list": [huge, "x" * 9999], "nan": math.nan})
    assert log.settings["number"] == math.inf
    assert log.settings["minus"] == -math.inf
    assert log.settings["list"] == ("inf," + "x" * 9999)[:MAX_TEXT]
    assert math.isnan(float(log.settings["nan"]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        ("1e-3", 0.001),
        ("inf", math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (True, None),
        (None, None),
        ("", None),
        ("1_000", None),
        ("9" * 100, None),
        ("high", None),
        ([1], None),
    ],
)
def test_what_counts_as_a_number(value: object, expected: float | None) -> None:
    assert number(value) == expected
