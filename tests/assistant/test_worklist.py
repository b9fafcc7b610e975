"""Claims: each fix once; what helps most for the least effort first, and within a diagnosis in
the author's order; what was tried, did not help or is so already stands apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.answer import (
    SCHEMA,
    Answer,
    Contradiction,
    Diagnosis,
    RankedFix,
    Settings,
)
from assistant.knowledge import Knowledge
from assistant.marks import set_marks
from assistant.worklist import EFFORT, Worklist, marked, worklist
from kb.errors import UsageError
from kb.types import COSTS, Cost, Entry, Mark, Owner, Scalar

CHANCE = "contrastive/chance-level-loss"


def a_fix(
    name: str,
    cost: Cost | None = "live",
    change: dict[str, Scalar] | None = None,
    *,
    rate: tuple[int, int, float, float] | None = None,
    applied: bool | None = None,
) -> RankedFix:
    return RankedFix(name, name, change or {}, cost, cure_rate=rate, already_applied=applied)


def diagnosed(name: str, confidence: float, *fixes: RankedFix, refuted: bool = False) -> Diagnosis:
    owner: Owner = "user" if refuted else "bundled"
    entry = Entry(name, name.upper(), "family", owner, "documented")
    contradictions = (Contradiction("x", "x.md", 1, 1, "It does not.", "a/b"),) if refuted else ()
    return Diagnosis(entry, confidence, (), fixes, owner, contradictions)


def answer_of(*diagnoses: Diagnosis) -> Answer:
    settings = Settings(5, 0.5, "fake", 1, 0)
    return Answer(
        SCHEMA, "stuck", True, "sick", (), diagnoses, (), (), (), (), None, settings
    )  # fmt: skip


def listed(*diagnoses: Diagnosis, marks: Sequence[Mark] = ()) -> Worklist:
    return worklist(answer_of(*diagnoses), {mark.fix: mark for mark in marks})


def ids(found: Worklist) -> list[str]:
    return [item.fix.id for item in found.items]


def test_cheap_steps_of_a_less_likely_cause_come_before_dear_ones_of_the_first() -> None:
    first = diagnosed("a", 0.6, a_fix("a1"), a_fix("a2", "restart"))
    second = diagnosed("b", 0.3, a_fix("b1"), a_fix("b2", "restart"))
    assert ids(listed(first, second)) == ["a1", "b1", "a2", "b2"]


def test_a_dear_first_step_is_not_overtaken_by_a_later_one_of_its_own_diagnosis() -> None:
    assert ids(listed(diagnosed("a", 0.6, a_fix("a1", "restart"), a_fix("a2")))) == ["a1", "a2"]


def test_a_fix_that_trials_measured_is_free_of_the_order_and_counts_by_its_rate() -> None:
    good = a_fix("good", "restart", rate=(5, 5, 0.57, 1.0))
    bad = a_fix("bad", "restart", rate=(0, 5, 0.0, 0.43))
    first = diagnosed("a", 0.6, a_fix("a1", "restart"), bad, good)
    assert ids(listed(first)) == ["good", "a1", "bad"]
    assert listed(first).items[0].fix.cure_rate == (5, 5, 0.57, 1.0)


def test_the_same_change_for_two_causes_is_one_item_that_counts_for_both() -> None:
    first = diagnosed("a", 0.4, a_fix("a1", "restart", {"lr": 0.1}), a_fix("a2", "restart"))
    second = diagnosed("b", 0.35, a_fix("b1", "restart", {"lr": 0.1}))
    alone = diagnosed("c", 0.5, a_fix("c1", "restart"))
    found = listed(alone, first, second)
    assert ids(found) == ["a1", "c1", "a2"]
    assert found.items[0].ids == ("a1", "b1")
    assert [one.confidence for one in found.items[0].proposed_for] == [0.4, 0.35]


def test_fixes_without_a_change_are_never_the_same() -> None:
    assert ids(listed(diagnosed("a", 0.4, a_fix("a1")), diagnosed("b", 0.3, a_fix("b1")))) == [
        "a1",
        "b1",
    ]


def test_marks_of_now_put_fixes_into_their_groups() -> None:
    fixes = [a_fix("f1"), a_fix("f2"), a_fix("f3"), a_fix("f4"), a_fix("f5", applied=True)]
    marks = [Mark("f1", "did-not"), Mark("f2", "helped"), Mark("f3", "tried")]
    found = listed(diagnosed("a", 0.6, *fixes), marks=marks)
    assert [(item.fix.id, item.state) for item in found.items] == [
        ("f4", "to try"),
        ("f3", "tried"),
        ("f2", "helped"),
        ("f1", "did-not"),
        ("f5", "already so"),
    ]


def test_a_mark_in_an_older_answer_gives_way_to_what_is_marked_now() -> None:
    old = RankedFix("f1", "f1", {}, "live", mark=Mark("f1", "did-not"))
    assert listed(diagnosed("a", 0.6, old)).items[0].state == "to try"


def test_of_two_marks_for_one_change_the_newer_counts() -> None:
    first = diagnosed("a", 0.6, a_fix("a1", "restart", {"lr": 0.1}))
    second = diagnosed("b", 0.3, a_fix("b1", "restart", {"lr": 0.1}))
    older, newer = Mark("a1", "helped", "2025-01-01"), Mark("b1", "did-not", "2025-02-01")
    (item,) = listed(first, second, marks=[older, newer]).items
    assert (item.state, item.mark) == ("did-not", newer)


def test_a_fix_on_a_refuted_claim_stands_below_all_others_and_is_not_joined() -> None:
    change: dict[str, Scalar] = {"batch_size": 512}
    wrong = diagnosed("user/x", 0.9, a_fix("u1", "live", change), refuted=True)
    right = diagnosed("a", 0.1, a_fix("a1", "restart", change))
    found = listed(wrong, right)
    assert ids(found) == ["a1", "u1"]
    assert found.items[1].doubt == "It does not."


def test_the_json_form_names_state_causes_and_mark() -> None:
    mark = Mark("a1", "tried", "2025-01-01T00:00:00+00:00", "runs/1")
    plain = listed(diagnosed("a", 0.5, a_fix("a1")), marks=[mark]).to_dict()
    assert plain["schema"] == 1
    items: Any = plain["items"]
    (item,) = items
    assert item["state"] == "tried"
    assert item["proposed_for"] == [{"entry_id": "a", "title": "A", "confidence": 0.5}]
    assert item["fix"]["mark"]["run"] == "runs/1"


small = st.lists(st.lists(st.sampled_from(COSTS), min_size=1, max_size=3), min_size=1, max_size=3)


@given(small, st.lists(st.sampled_from([0.05, 0.1, 0.2, 0.4]), min_size=3, max_size=3))
def test_no_other_order_that_keeps_the_authors_has_less_effort_before_help(
    costs: list[list[Cost]], shares: list[float]
) -> None:
    diagnoses = [
        diagnosed(f"d{at}", share, *(a_fix(f"d{at}f{n}", cost) for n, cost in enumerate(chain)))
        for at, (chain, share) in enumerate(zip(costs, shares, strict=False))
    ]
    share_of = {fix.id: one.confidence for one in diagnoses for fix in one.fixes}
    cost_of = {fix.id: EFFORT[fix.cost] for one in diagnoses for fix in one.fixes}

    def effort(order: Sequence[str]) -> float:
        spent = total = 0.0
        for name in order:
            spent += cost_of[name]
            total += share_of[name] * spent
        return total

    orders = [
        order
        for order in itertools.permutations(share_of)
        if all(
            [name for name in order if name.startswith(f"{one.entry.id}f")]
            == [fix.id for fix in one.fixes]
            for one in diagnoses
        )
    ] if len(share_of) <= 6 else []  # fmt: skip
    found = ids(listed(*diagnoses))
    assert sorted(found) == sorted(share_of)
    assert all(effort(found) <= effort(order) + 1e-9 for order in orders)


# Marks in the user's store


def test_what_was_marked_is_listed_with_its_title_the_newest_first() -> None:
    set_marks([f"{CHANCE}#1"], "did-not", "runs/7")
    set_marks(["collapse/complete#1"], "did-not")
    found = marked(Knowledge.open())
    assert {item.fix.id.partition("#")[0] for item in found.items} == {CHANCE, "collapse/complete"}
    assert all(item.state == "did-not" and item.fix.title for item in found.items)
    runs = {item.mark.run for item in found.items if item.mark}
    assert runs == {"runs/7", ""}


def test_a_place_or_an_alias_names_the_fix_and_clearing_forgets_it() -> None:
    marks = set_marks([f"{CHANCE}#2"], "helped")
    assert list(marks) == [f"{CHANCE}#overfit-one-batch"]
    assert set_marks([f"{CHANCE}#overfit-one-batch"], None) == {}


def test_clearing_where_nothing_was_ever_stored_makes_no_store() -> None:
    assert set_marks([f"{CHANCE}#2"], None) == {}
    assert Knowledge.open().user is None


def test_a_mark_whose_entry_is_gone_is_still_listed_and_can_be_cleared() -> None:
    from kb.paths import user_store
    from kb.store import Store

    with Store.open(user_store()) as store:
        store.set_marks(["user/gone#x"], "tried")
    (item,) = marked(Knowledge.open()).items
    assert (item.fix.id, item.proposed_for) == ("user/gone#x", ())
    assert set_marks(["user/gone#x"], None) == {}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("overfit", "names no fix"),
        ("contrastive/chance-level-los#1", "did you mean"),
        (f"{CHANCE}#overfit-one-bach", 'did you mean "overfit-one-batch"'),
        (f"{CHANCE}#99", "has no fix"),
    ],
)
def test_a_name_of_no_fix_is_explained_and_marks_nothing(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        set_marks([f"{CHANCE}#1", name], "helped")
    assert Knowledge.open().marks() == {}
