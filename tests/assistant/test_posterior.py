"""Claims: signatures together name the cause before its consequence, two faults where there are
two, and nothing that the run rules out; what is unknown weighs nothing.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import counts_of, entry, judged_as, model

from assistant.likelihoods import likelihoods
from assistant.posterior import Model, Weighed, model_of, weigh
from kb.signature.evaluate import State

CHAIN = model(
    {
        "cause": {"cause": 0.95, "consequence": 0.9},
        "consequence": {"consequence": 0.95},
        "other": {"other": 0.9},
    },
    leads_to={"cause": ("consequence",)},
)
STATES: tuple[State, ...] = ("fired", "silent", "unknown")


def named(weighed: list[Weighed]) -> list[str]:
    return [one.entry_id for one in weighed]


# Cause and consequence


def test_a_cause_outranks_its_consequence_and_each_names_the_other() -> None:
    first, second = weigh(CHAIN, judged_as(cause="fired", consequence="fired", other="silent"))
    assert (first.entry_id, second.entry_id) == ("cause", "consequence")
    assert first.consequences == ("consequence",)
    assert first.cause is None
    assert second.cause == "cause"
    assert second.consequences == ()
    assert first.share > second.share > 0


def test_a_consequence_alone_has_no_cause() -> None:
    judged = judged_as(cause="silent", consequence="fired", other="silent")
    (only,) = weigh(CHAIN, judged)
    assert (only.entry_id, only.cause) == ("consequence", None)


def test_a_cause_that_cannot_be_checked_stays_possible_below_what_was_seen() -> None:
    judged = judged_as(cause="unknown", consequence="fired", other="unknown")
    assert named(weigh(CHAIN, judged)) == ["consequence", "cause"]


@given(
    st.fixed_dictionaries({name: st.floats(0, 1) for name in ("seen", "unseen")}),
    st.fixed_dictionaries({name: st.floats(0, 1) for name in ("seen", "unseen")}),
)
def test_what_fired_comes_before_what_could_not_be_checked(
    seen: dict[str, float], unseen: dict[str, float]
) -> None:
    found = model({"seen": seen, "unseen": unseen})
    first, *others = weigh(found, judged_as(seen="fired", unseen="unknown"))
    assert first.entry_id == "seen"
    assert all(one.share <= first.share for one in others)


def test_consequences_of_consequences_count() -> None:
    links = {"a": ("b",), "b": ("c",), "c": ("a",)}
    found = model_of([entry(name, leads_to=links[name]) for name in "abc"])
    assert found.leads_to == {"a": ("b", "c"), "b": ("c", "a"), "c": ("a", "b")}


def test_a_fired_entry_that_another_explains_is_still_listed() -> None:
    """The first makes the second's signature fire often, though neither leads to the other."""
    explaining = model({"a": {"a": 0.95, "b": 0.8}, "b": {"b": 0.6}})
    first, second = weigh(explaining, judged_as(a="fired", b="fired"))
    assert (first.entry_id, second.entry_id) == ("a", "b")
    assert second.cause is None
    assert first.consequences == ()


# Several faults


TWO = model({"strong": {"strong": 0.99}, "weak": {"weak": 0.5}, "third": {"third": 0.9}})


def test_two_independent_faults_are_both_named_the_stronger_first() -> None:
    found = weigh(TWO, judged_as(strong="fired", weak="fired", third="silent"))
    assert named(found) == ["strong", "weak"]
    assert [one.cause for one in found] == [None, None]
    assert all(one.share > 0.5 for one in found)
    assert all(one.score > 3 for one in found)


def test_rivals_for_one_explanation_share_the_probability() -> None:
    alike = model({"a": {"a": 0.9, "b": 0.9}, "b": {"a": 0.9, "b": 0.9}})
    first, second = weigh(alike, judged_as(a="fired", b="fired"))
    assert first.share == pytest.approx(0.5)
    assert second.share == pytest.approx(0.5)


def test_a_silent_check_that_should_have_fired_speaks_against_a_fault() -> None:
    rivals = model(
        {"a": {"a": 0.9, "b": 0.9, "c": 0.9}, "b": {"a": 0.9, "b": 0.9}, "c": {"c": 0.9}}
    )
    shares = {
        state: {
            one.entry_id: one.share
            for one in weigh(rivals, judged_as(a="fired", b="fired", c=state))
        }
        for state in STATES
    }
    assert shares["fired"]["a"] > shares["unknown"]["a"] > shares["silent"]["a"]


# What is not said


def test_nothing_fired_names_nothing() -> None:
    assert weigh(CHAIN, judged_as(cause="silent", consequence="unknown", other="silent")) == []
    assert weigh(CHAIN, {}) == []


def test_what_is_unknown_weighs_nothing() -> None:
    assert CHAIN.scores({}).tolist() == [0, 0, 0]
    assert CHAIN.scores(dict.fromkeys(CHAIN.signed, "unknown")).tolist() == [0, 0, 0]
    known = CHAIN.scores({"other": "silent"})
    assert np.array_equal(known, CHAIN.scores({"other": "silent", "cause": "unknown"}))
    assert known[CHAIN.signed.index("other")] < -1


def test_a_score_is_the_log_of_the_ratio_of_the_rates() -> None:
    one = Model(
        ("a",), {"a": ()}, {"a": ()}, counts_of({"a": {"a": 0.5}}, runs=100_000, healthy=0.1)
    )
    assert one.scores({"a": "fired"})[0] == pytest.approx(math.log(0.5 / 0.1), abs=0.01)
    assert one.scores({"a": "silent"})[0] == pytest.approx(math.log(0.5 / 0.9), abs=0.01)


def test_one_signature_never_weighs_more_than_a_thousand_to_one() -> None:
    sure = Model(("a",), {"a": ()}, {"a": ()}, counts_of({"a": {"a": 1.0}}, runs=10**6))
    assert math.log(1000) < sure.scores({"a": "fired"})[0] <= 7.0


@pytest.mark.parametrize(
    ("methods", "method", "concerned"),
    [
        (("byol",), "byol", True),
        (("byol",), "simclr", False),
        (("byol",), None, True),
        ((), "simclr", True),
        (("any",), "simclr", True),
        (("simclr",), "moco", True),
    ],
)
def test_a_fault_of_other_methods_is_no_rival(
    methods: tuple[str, ...], method: str | None, concerned: bool
) -> None:
    found = model({"a": {"a": 0.9}, "b": {"a": 0.9, "b": 0.9}}, methods={"b": methods})
    assert found.concerns("b", method) == concerned
    weighed = weigh(found, judged_as(a="fired", b="unknown"), method)
    assert ("b" in named(weighed)) == concerned


# Any states, any counts


NAMES = ("a", "b", "c", "d")
SHARES = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 1))
LINKS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True).map(tuple)
)


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, SHARES)),
    LINKS,
    st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from(STATES))),
)
def test_any_counts_and_states_give_a_sound_list(
    faults: dict[str, dict[str, float]],
    links: dict[str, tuple[str, ...]],
    states: dict[str, State],
) -> None:
    found = model(faults, leads_to=links)
    weighed = weigh(found, judged_as(**states))
    names = named(weighed)
    assert len(set(names)) == len(names)
    assert not [name for name in names if states[name] == "silent"]
    assert {name for name in names if states[name] == "fired"} == {
        name for name in NAMES if states[name] == "fired"
    }
    shares = [one.share for one in weighed]
    assert shares == sorted(shares, reverse=True)
    assert all(0 <= share <= 1 for share in shares)
    for one in weighed:
        assert one.cause is None or one.entry_id in found.leads_to[one.cause]
        assert set(one.consequences) <= set(found.leads_to[one.entry_id])


def test_the_shipped_counts_tell_faults_from_health() -> None:
    counts = likelihoods()
    faults = [name for name, row in counts.faults.items() if name in row]
    rates, quiet = counts.rates(faults, faults, {})
    assert np.all((rates > 0) & (rates < 1))
    assert np.all((quiet > 0) & (quiet < 0.1))
    assert np.median(np.diag(rates) / quiet) > 30
