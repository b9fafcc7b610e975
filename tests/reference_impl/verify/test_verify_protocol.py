"""When a claim counts as confirmed, refuted or undecided."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.method import CLAIM_STEPS, Arm, Claim
from reference_impl.verify.protocol import (
    BATCH,
    judge,
    measured,
    settings,
    student,
)


def claim(
    expect: Literal["lower", "higher", "same"], margin: float, steps: int = CLAIM_STEPS
) -> Claim:
    arms = (Arm("a"), Arm("b", {"x": 1}, {"batch_size": 32}))
    return Claim("c", "text", "source", arms, "z_std", expect, margin, steps)


LOWER = claim("lower", 0.5)


@pytest.mark.parametrize(
    ("expect", "margin", "second", "outcome"),
    [
        ("lower", 0.5, [0.10, 0.11, 0.12], "confirmed"),
        ("lower", 0.5, [0.90, 0.95, 0.92], "undecided"),
        ("lower", 0.5, [1.10, 1.15, 1.12], "refuted"),
        ("lower", 1.0, [1.10, 1.15, 1.12], "refuted"),
        ("lower", 0.5, [0.30, 0.60, 0.45], "undecided"),
        ("higher", 1.5, [2.0, 2.1, 2.2], "confirmed"),
        ("higher", 1.5, [1.2, 1.3, 1.25], "undecided"),
        ("higher", 1.5, [0.8, 0.85, 0.82], "refuted"),
        ("higher", 1.0, [0.8, 0.85, 0.82], "refuted"),
        ("higher", 1.5, [1.2, 1.8, 1.5], "undecided"),
        ("same", 0.05, [1.00, 1.01, 0.99], "confirmed"),
        ("same", 0.05, [1.20, 1.21, 1.19], "refuted"),
        ("same", 0.05, [0.80, 0.81, 0.79], "refuted"),
        ("same", 0.05, [0.95, 1.10, 1.00], "undecided"),
    ],
)
def test_outcomes(
    expect: Literal["lower", "higher", "same"], margin: float, second: list[float], outcome: str
) -> None:
    assert judge([1.0, 1.0, 1.0], second, claim(expect, margin)).outcome == outcome


@pytest.mark.parametrize(
    ("second", "expect", "margin", "words"),
    [
        ([0.64, 0.66, 0.70], "lower", 0.5, "smaller than the claim's margin"),
        ([0.9, 1.1, 1.0], "lower", 0.5, "nothing of it shows"),
        ([0.9, 1.1, 1.0], "higher", 2.0, "nothing of it shows"),
        ([0.2, 0.6, 1.4], "lower", 0.5, "too far apart"),
        ([0.9, 1.1, 1.0], "lower", 1.0, "too far apart"),
        ([0.9, 1.1, 1.0], "same", 0.05, "too far apart"),
        ([0.1, 0.1, 0.1], "lower", 0.5, ""),
        ([1.3, 1.3, 1.31], "lower", 0.5, ""),
    ],
)
def test_an_undecided_claim_says_why(
    second: list[float], expect: Literal["lower", "higher", "same"], margin: float, words: str
) -> None:
    verdict = judge([1.0, 1.0, 1.0], second, claim(expect, margin))
    assert (verdict.outcome == "undecided") is bool(words)
    assert words in verdict.note
    assert bool(verdict.note) is bool(words)


def test_the_interval_by_hand() -> None:
    verdict = judge([1.0, 2.0, 4.0], [0.5, 0.8, 2.4], LOWER)
    logs = [math.log(0.5), math.log(0.4), math.log(0.6)]
    mean = sum(logs) / 3
    deviation = math.sqrt(sum((one - mean) ** 2 for one in logs) / 2)
    assert verdict.ratio == pytest.approx(math.exp(mean))
    assert verdict.low == pytest.approx(math.exp(mean - 4.303 * deviation / math.sqrt(3)))
    assert verdict.high == pytest.approx(math.exp(mean + 4.303 * deviation / math.sqrt(3)))


def test_what_gives_no_interval_is_undecided_and_says_why() -> None:
    assert "two seeds" in judge([1.0], [0.1], LOWER).note
    for bad in (None, float("nan"), float("inf"), -1.0):
        verdict = judge([1.0, 1.0, 1.0], [0.1, bad, 0.1], LOWER)
        assert verdict.outcome == "undecided"
        assert "finite" in verdict.note


def test_a_measure_of_exactly_zero_confirms_a_collapse() -> None:
    verdict = judge([1.0, 0.9, 1.1], [0.0, 0.0, 0.0], LOWER)
    assert verdict.outcome == "confirmed"
    assert verdict.ratio is not None
    assert verdict.ratio < 1e-8


positive = st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=8)


@given(positive, st.randoms())
def test_the_interval_holds_its_ratio_and_turns_with_the_arms(first: list[float], rng) -> None:  # type: ignore[no-untyped-def]
    second = [one * rng.uniform(0.1, 3) for one in first]
    one, other = judge(first, second, LOWER), judge(second, first, LOWER)
    assert one.ratio is not None
    assert one.low is not None
    assert one.high is not None
    assert other.high is not None
    assert one.low <= one.ratio * (1 + 1e-9)
    assert one.ratio <= one.high * (1 + 1e-9)
    assert one.low == pytest.approx(1 / other.high, rel=1e-6)


def test_students_points() -> None:
    assert (student(1), student(2), student(30), student(31)) == (12.706, 4.303, 2.042, 1.96)
    assert all(student(n) > student(n + 1) for n in range(1, 31))


def test_settings_are_the_protocols_unless_the_claim_says_otherwise() -> None:
    first, second = (settings(LOWER, arm) for arm in LOWER.arms)
    assert first == {
        "preset": "small",
        "config": {},
        "recipe": {"batch_size": BATCH},
        "steps": CLAIM_STEPS,
    }
    assert second["config"] == {"x": 1}
    assert second["recipe"] == {"batch_size": 32}
    assert settings(claim("lower", 0.5, steps=50), LOWER.arms[0])["steps"] == 50


def test_a_measure_that_is_missing_or_not_finite_is_none() -> None:
    assert measured({"z_std": 0.5}, "z_std") == 0.5
    assert measured({}, "z_std") is None
    assert measured({"z_std": math.nan}, "z_std") is None
