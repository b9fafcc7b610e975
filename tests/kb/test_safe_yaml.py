"""Claims: only plain bounded values come in, each with its line; the rest is one clear error."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kb.errors import InputUnreadable
from kb.safe_yaml import MAX_CHARACTERS, MAX_DEPTH, line_of, load

PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.sampled_from(["loss", "a b", "x-1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "title", "fixes"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(PLAIN_VALUES)
def test_plain_values_come_in_as_they_are_written(value: object) -> None:
    assert load(json.dumps(value), where="a.yaml")[0] == value


def test_every_key_path_has_the_line_it_stands_on() -> None:
    text = "id: x\nfixes:\n  - id: one\n    cost: live\n  - id: two\n    change:\n      lr: 1\n"
    value, lines = load(text, where="a.md", first_line=2)
    assert value == {
        "id": "x",
        "fixes": [{"id": "one", "cost": "live"}, {"id": "two", "change": {"lr": 1}}],
    }
    assert lines == {
        "": 2,
        "id": 2,
        "fixes": 3,
        "fixes.0": 4,
        "fixes.0.id": 4,
        "fixes.0.cost": 5,
        "fixes.1": 6,
        "fixes.1.id": 6,
        "fixes.1.change": 7,
        "fixes.1.change.lr": 8,
    }


@pytest.mark.parametrize(
    ("written", "number"),
    [("1e-4", 1e-4), ("3E5", 3e5), ("1.5e-4", 1.5e-4), ("-.5e3", -500.0), ("0.1", 0.1), ("2", 2)],
)
def test_numbers_are_read_as_people_write_them(written: str, number: float) -> None:
    assert load(f"lr: {written}", where="a.yaml")[0] == {"lr": number}


@pytest.mark.parametrize("written", ["e5", "1e", "ssl-1e-4", "1e-4 or so", "'1e-4'"])
def test_text_that_only_holds_a_number_stays_text(written: str) -> None:
    value, _ = load(f"lr: {written}", where="a.yaml")
    assert value == {"lr": written.strip("'")}


def test_not_a_number_is_kept() -> None:
    value, _ = load("loss: [.nan, .inf]", where="a.yaml")
    assert isinstance(value, dict)
    assert math.isnan(value["loss"][0])
    assert value["loss"][1] == math.inf


def test_empty_text_is_no_value() -> None:
    assert load("", where="a.yaml") == (None, {})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: &x [1]\nb: *x\n", 2, "alias"),
        ("a: 1\nb: 2\na: 3\n", 3, 'key "a" stands twice'),
        ("fixes:\n  - id: a\n    id: b\n", 3, 'key "id" stands twice'),
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "expected"),
        ("a: 1\n\tb: 2\n", 2, ""),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "could not determine a constructor"),
        ("a: !!python/name:os.system\n", 1, "could not determine a constructor"),
        ("[" * 5000, 1, f"deeper than {MAX_DEPTH}"),
        ("{" * 5000, 1, f"deeper than {MAX_DEPTH}"),
        ("- " * 5000, 1, f"deeper than {MAX_DEPTH}"),
        ("a: " + "x" * MAX_CHARACTERS, 1, f"at most {MAX_CHARACTERS}"),
        ("a: \x00", 1, "not valid YAML"),
        ("a: \ud800", 1, "not valid YAML"),
        ('a: !!int ""', 1, "not valid YAML"),
        ("a: !!bool maybe", 1, "not valid YAML"),
        ("a: !!timestamp never", 1, "not valid YAML"),
        ("a: 2024-13-41", 1, "not valid YAML"),
        ("a: " + "9" * 5000, 1, "not valid YAML"),
        ("? [a, b]\n: 1", 1, "unhashable"),
    ],
)
def test_anything_else_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(InputUnreadable) as caught:
        load(text, where="kb/a.md", first_line=11)
    assert caught.value.where == f"kb/a.md:{10 + line}"
    assert message in caught.value.message


MARKS = st.sampled_from("ab-:?!&*[]{}#|>\"'%@`, \n\t0123456789.eE\x00\x85")


@given(st.text(alphabet=MARKS, max_size=80))
@example("!!float ''")
@example("<<: {a: 1}\nb: 2")
@example("a: !!set {x}")
@example("a: 1:30")
def test_no_text_raises_anything_but_input_unreadable(text: str) -> None:
    where = "a.yaml:1"
    try:
        load(text, where="a.yaml")
    except InputUnreadable as error:
        where = error.where
    assert where.startswith("a.yaml:")


def test_a_billion_laughs_cost_nothing() -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}]\n"
        for old, new in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True)
    )
    started = time.process_time()
    with pytest.raises(InputUnreadable, match="alias"):
        load(bomb, where="a.yaml")
    assert time.process_time() - started < 1


def test_the_line_of_an_error_without_one_is_the_first() -> None:
    assert line_of(InputUnreadable("x", where="a.md:12")) == 12
    assert line_of(InputUnreadable("x", where="a.md")) == 1
    assert line_of(InputUnreadable("x")) == 1
