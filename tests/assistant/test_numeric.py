"""Claims: a number explains itself only with its parameter known; else it is a candidate."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant import numeric
from assistant.answer import Evidence
from assistant.knowledge import Knowledge
from assistant.numeric import Reading
from assistant.run_input import as_run
from assistant.understand import understand
from kb.run import Run
from kb.types import Scalar

CHANCE = "contrastive/chance-level-loss"


def readings(text: str, run: dict[str, object] | None = None) -> dict[str, list[Reading]]:
    knowledge = Knowledge.open()
    given_run = as_run(run)  # type: ignore[arg-type]
    return numeric.readings(understand(text), given_run, knowledge.signed)


def best(text: str, run: dict[str, object] | None = None) -> Evidence:
    return numeric.evidence_of(readings(text, run)[CHANCE][0])


def claims(found: dict[str, list[Reading]]) -> set[str]:
    return {one.explanation.claim for ones in found.values() for one in ones}


def test_a_bare_number_is_a_candidate_with_its_formula_setting_and_rivals() -> None:
    evidence = best("loss stuck at 4.14")
    assert evidence.kind == "number"
    assert evidence.claim == "candidate"
    assert evidence.values["form"] == "chance(nt_xent)"
    assert evidence.values["batch_size"] == 32
    assert "would be ln(2B - 1) = ln 63 = 4.143" in evidence.text
    assert "if batch_size is 32" in evidence.text
    assert "Only starting values of untrained networks come as close" in evidence.text
    assert "1% of losses picked at random" in evidence.text


def test_rivals_are_named_with_their_own_settings() -> None:
    evidence = best("loss stuck at 5.54")
    assert "It could also be ln(2B - 2) = ln 254 = 5.537 of dcl if batch_size is 128" in (
        evidence.text
    )


@pytest.mark.parametrize("text", ["loss stuck at 4.14 with batch size 32", "4.14 loss, bs=32"])
def test_a_setting_from_the_words_makes_a_match_and_is_said_to_come_from_them(text: str) -> None:
    evidence = best(text)
    assert evidence.claim == "matched"
    assert "is ln(2B - 1) = ln 63 = 4.143" in evidence.text
    assert "at batch_size is 32" not in evidence.text
    assert "at batch_size 32 (from your words)" in evidence.text
    assert "random" not in evidence.text


def test_a_setting_from_the_config_makes_a_match_and_is_said_to_come_from_it() -> None:
    evidence = best("loss stuck at 4.14", {"batch_size": 32})
    assert evidence.claim == "matched"
    assert "at batch_size 32 (from the run's config)" in evidence.text


def test_the_config_outweighs_the_words() -> None:
    found = readings("loss stuck at 4.14, batch size 32", {"batch_size": 64})
    assert "matched" not in claims({CHANCE: found.get(CHANCE, [])})


def test_the_logged_loss_is_explained_without_any_words() -> None:
    evidence = best("", {"loss": [4.15, 4.144, 4.1431, 4.143, 4.143], "batch_size": 32})
    assert evidence.claim == "matched"
    assert evidence.text.startswith("4.143 is ln(2B - 1) = ln 63")


def test_a_value_both_typed_and_logged_is_explained_once() -> None:
    found = readings("loss stuck at 4.14", {"loss": 4.143, "batch_size": 32})[CHANCE]
    assert [one.shown for one in found if one.explanation.claim == "matched"] == ["4.143"]


def test_both_directions_added_give_twice_the_value() -> None:
    evidence = best("loss stuck at 8.29")
    assert evidence.values["form"] == "chance(nt_xent.sum2)"
    assert "2 ln 63 = 8.286" in evidence.text
    assert best("loss stuck at 8.29 with batch size 32").claim == "matched"


@pytest.mark.parametrize("level", [3.3, 4.9, 7.77, 10.7])
@pytest.mark.parametrize("as_words", [True, False])
def test_a_flat_loss_without_settings_is_never_matched(level: float, as_words: bool) -> None:
    found = (
        readings(f"loss is flat at {level}") if as_words else readings("", {"loss": [level] * 40})
    )
    assert "matched" not in claims(found)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 30).map(lambda value: round(value, 3)))
def test_no_value_is_matched_while_no_setting_is_known(value: float) -> None:
    assert "matched" not in claims(readings(f"loss={value}"))


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 30).map(lambda value: round(value, 3)), st.integers(2, 4096))
def test_every_sentence_ends_and_every_strength_is_a_share(value: float, batch: int) -> None:
    for ones in readings(f"loss={value} batch size {batch}").values():
        for one in ones:
            assert 0 <= one.strength <= 1
            text = numeric.evidence_of(one).text
            assert text.endswith(".")
            assert "  " not in text


def test_a_candidate_is_weaker_than_a_match() -> None:
    assert readings("loss stuck at 4.14")[CHANCE][0].strength < 1
    assert readings("loss stuck at 4.14, batch size 32")[CHANCE][0].strength == 1


def test_a_guess_hardly_counts_where_another_formula_needs_none() -> None:
    found = readings("clip loss 6.93 with batch size 1024")
    assert max(one.strength for one in found.get(CHANCE, [])) < 0.05


def test_a_pasted_log_counts_by_its_plateau_and_not_by_what_it_passed() -> None:
    falling = "\n".join(f"epoch {n} loss {4.9 - 0.02 * n:.4f}" for n in range(80))
    assert CHANCE not in readings(falling + "\nbatch size 32")
    flat = "\n".join(f"epoch {n} loss 4.1431" for n in range(80))
    assert readings(flat + "\nbatch size 32")[CHANCE][0].explanation.claim == "matched"


def test_a_loss_of_nan_explains_nothing() -> None:
    assert readings("", {"loss": [float("nan")] * 5, "batch_size": 32}) == {}


def test_values_of_other_metrics_are_not_explained() -> None:
    assert readings("z_std is 4.143 with batch size 32") == {}


def test_settings_keep_their_type_in_the_values() -> None:
    values: dict[str, Scalar] = dict(best("loss stuck at 4.14").values)
    assert isinstance(values["batch_size"], int)
    assert values["expected"] == pytest.approx(4.143135)


def test_a_run_object_is_taken_as_it_is() -> None:
    run = Run({"batch_size": 32})
    assert as_run(run) is run
