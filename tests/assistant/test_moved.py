"""Claims: what a run changed in a ranking is told, entry by entry, with the run's own reason."""

from __future__ import annotations

from small_runs import entry

from assistant.answer import SCHEMA, Answer, Check, Diagnosis, Evidence, Settings
from assistant.moved import moved

FIRED = Evidence("metric", "The last z_std is 0.0001, below 0.005.")
WORDS = Evidence("text", "Your words are close to it.")


def answer(*names: str, fired: str = "", silent: str = "") -> Answer:
    diagnoses = tuple(
        Diagnosis(entry(name), 0.5, (FIRED if name == fired else WORDS,), (), "bundled")
        for name in names
    )
    checked = (Check(silent, "silent", "loss.level < 1: loss.level = 4"),) if silent else ()
    return Answer(
        SCHEMA, "loss stuck", True, None, (), diagnoses, (), (), checked, (), None,
        Settings(5, 0.5, "fake", 3, 0),
    )  # fmt: skip


def test_nothing_moved_where_nothing_changed() -> None:
    assert moved(answer("a", "b"), answer("a", "b")) == ()


def test_a_rise_is_told_with_the_clause_that_fired() -> None:
    first, second = moved(answer("a", "b"), answer("b", "a", fired="b"))
    assert (first.entry_id, first.before, first.after) == ("b", 2, 1)
    assert first.why == FIRED.text
    assert (second.entry_id, second.before, second.after) == ("a", 1, 2)
    assert second.why == "others fit the run better"


def test_what_came_and_what_went_is_told() -> None:
    came, gone = moved(answer("a"), answer("b", fired="b", silent="a"))
    assert (came.before, came.after) == (None, 1)
    assert (gone.before, gone.after) == (1, None)
    assert gone.why == "the run speaks against it: loss.level < 1: loss.level = 4"


def test_a_rise_without_a_clause_is_no_evidence_of_its_own() -> None:
    (first,) = moved(answer("a", "b"), answer("b"))[:1]
    assert first.why == "others were ruled out or fit worse"


def test_it_is_plain_json() -> None:
    (first, _) = moved(answer("a", "b"), answer("b", "a"))
    assert first.to_dict()["entry_id"] == "b"
