"""Claims: the answer names the cause with its numbers, and what the user blames wrongly stays
marked as wrong, below what is right.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
import pytest

import assistant
from assistant.answer import SCHEMA, Answer, Diagnosis, Evidence
from assistant.render.text import render
from kb.errors import UsageError

pytestmark = pytest.mark.usefixtures("encoder_export")

CHANCE = "contrastive/chance-level-loss"
SICK: dict[str, float] = {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}
BROKEN: dict[str, list[float]] = {"loss": [4.2] * 20 + [float("nan")] * 3, "grad_norm": [1.0] * 23}


def ids(answer: Answer) -> list[str]:
    return [one.entry.id for one in answer.diagnoses]


def numbers(diagnosis: Diagnosis) -> list[Evidence]:
    return [one for one in diagnosis.evidence if one.kind == "number"]


def unwrapped(page: str) -> str:
    return " ".join(page.split())


@pytest.fixture(scope="module")
def stuck(encoder_export: Path, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Return the answer to the question that everybody asks first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(encoder_export.parents[2]))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("none")))
        return assistant.query("loss stuck at 4.14")


def test_the_first_diagnosis_is_chance_level_with_ln_63_in_its_evidence(stuck: Answer) -> None:
    assert stuck.fits
    assert stuck.verdict is None
    first = stuck.diagnoses[0]
    assert first.entry.id == CHANCE
    assert first.owner == "bundled"
    (number,) = numbers(first)
    assert "ln 63" in number.text
    assert number.claim == "candidate"


def test_confidences_are_shares_in_falling_order(stuck: Answer) -> None:
    shares = [one.confidence for one in stuck.diagnoses]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1


def test_the_page_blames_neither_batch_size_nor_temperature(stuck: Answer) -> None:
    for page in (render(stuck), render(stuck, full=True)):
        text = unwrapped(page).lower()
        assert "temperature 0.5" not in text
        assert "temperature of 0.5" not in text
        assert "too few negatives" not in text
        first_fixes = [fix.change for fix in stuck.diagnoses[0].fixes]
        assert not any({"batch_size", "temperature"} & set(change) for change in first_fixes)


def test_the_page_names_what_decides(stuck: Answer) -> None:
    text = unwrapped(render(stuck))
    for measured in (
        "standard deviation of the L2-normalised embeddings",
        "mean cosine between different images",
        "how much the loss varies from batch to batch",
    ):
        assert measured in text


def test_the_next_measurement_is_a_metric_with_its_outcomes(stuck: Answer) -> None:
    assert stuck.next_measurement is not None
    assert stuck.next_measurement.metric == "z_std"
    assert "collapse" in stuck.next_measurement.reason


def test_evidence_is_made_of_sentences_and_none_is_said_twice(stuck: Answer) -> None:
    for diagnosis in stuck.diagnoses:
        texts = [one.text for one in diagnosis.evidence]
        assert len(set(texts)) == len(texts)
        for text in texts:
            assert text[0].isupper() or text[0].isdigit()
            assert text.endswith(".")


def test_a_run_with_words_is_sick_and_shows_its_numbers() -> None:
    answer = assistant.query("loss stuck", run=SICK)
    assert answer.verdict == "sick"
    assert answer.diagnoses[0].entry.id in {CHANCE, "collapse/complete"}
    by_id = {one.entry.id: one for one in answer.diagnoses}
    (number,) = numbers(by_id[CHANCE])
    assert number.claim == "matched"
    assert number.values["batch_size"] == 32
    metric = next(one for one in by_id["collapse/complete"].evidence if one.kind == "metric")
    assert metric.values["z_std.last"] == 1e-4
    assert "0.0001" in metric.text


def test_a_number_explained_by_its_formula_is_not_said_again_by_the_signature() -> None:
    first = assistant.query("loss stuck", run=SICK).diagnoses[0]
    assert first.entry.id == CHANCE
    assert [one.text for one in first.evidence if "near(" in one.text] == []


def test_diagnose_judges_a_run_without_words() -> None:
    answer = assistant.diagnose(SICK)
    assert answer.verdict == "sick"
    assert answer.query == ""
    assert "collapse/complete" in ids(answer)


def test_a_run_overturns_the_words() -> None:
    words = "loss spikes"
    assert ids(assistant.query(words))[0] != "numerics/nan-hunting"
    answer = assistant.query(words, run=BROKEN)
    assert answer.verdict == "sick"
    assert ids(answer)[0] == "numerics/nan-hunting"
    assert "the run's numbers show numerics/nan-hunting instead" in answer.reasons[-1]


def test_what_the_run_shows_is_above_all_that_it_rules_out() -> None:
    words = "gradient norm explodes"
    assert ids(assistant.query(words))[0] == "optim/gradient-explosion"
    answer = assistant.query(words, run=BROKEN)
    ruled_out = {check.entry_id for check in answer.checked if check.state == "silent"}
    assert "optim/gradient-explosion" in ruled_out
    assert ids(answer)[0] == "numerics/nan-hunting"


def test_what_the_run_excludes_falls_behind() -> None:
    words = "every image gets the same feature vector"
    assert ids(assistant.query(words))[0] == "collapse/complete"
    healthy = {"z_std": 0.0883, "dim": 128, "contrast_acc": 0.95, "loss": 0.5}
    assert ids(assistant.query(words, run=healthy))[:1] != ["collapse/complete"]


_DECLINED = pytest.mark.xfail(strict=True, reason="fits declines two words of the field")


@pytest.mark.parametrize(
    "text",
    [
        "all embeddings are identical, complete collapse",
        pytest.param("complete collapse", marks=_DECLINED),
    ],
)
def test_plain_questions_of_the_field_are_not_declined(text: str) -> None:
    assert assistant.query(text).fits


def test_a_run_without_a_fault_is_undecided_and_says_what_was_missing() -> None:
    answer = assistant.query("loss stuck", run={"z_std": 0.08, "dim": 128})
    assert answer.verdict == "undecided"
    assert answer.checked
    assert any(check.reason.startswith("missing: ") for check in answer.unchecked)


def test_vague_words_with_a_matched_number_fit() -> None:
    run = {"loss": 4.143, "batch_size": 32, "z_std": 0.08, "dim": 128}
    assert CHANCE in ids(assistant.query("stuck", run=run))


def test_an_unknown_metric_is_reported_and_not_used() -> None:
    answer = assistant.query("loss stuck", run={"my_number": 1.0})
    assert "my_number" in [check.entry_id for check in answer.unchecked]


@pytest.mark.parametrize(
    "text", ["how do I bake sourdough bread", "best hiking trails near Zurich", "fix my bicycle"]
)
def test_off_topic_questions_get_the_nearest_topics_and_no_diagnosis(text: str) -> None:
    answer = assistant.query(text)
    assert not answer.fits
    assert answer.diagnoses == ()
    assert answer.passages == ()
    assert len(answer.nearest) == 3
    assert "Nothing in the knowledge base fits" in render(answer)


def test_a_question_about_a_method_is_answered_by_its_section() -> None:
    answer = assistant.query("what does nu do in VICReg")
    assert answer.fits
    assert "VICReg nu" in answer.passages[0].section[-1]
    assert answer.passages[0].source.endswith("vicreg.md")
    assert "decorrelat" in answer.passages[0].text


def test_at_most_k_diagnoses_come_back() -> None:
    assert len(assistant.query("byol collapse", k=2).diagnoses) <= 2


def test_the_same_question_has_the_same_answer() -> None:
    assert assistant.query("byol collapse") == assistant.query("byol collapse")


@pytest.mark.parametrize(("text", "k"), [("", 5), ("  \n", 5), ("loss", 0), ("loss", -1)])
def test_an_empty_question_and_a_silly_k_are_usage_errors(text: str, k: int) -> None:
    with pytest.raises(UsageError):
        assistant.query(text, k=k)


# What the user wrote down


def test_our_entry_stays_first_and_theirs_is_marked_and_corrected(notes: Path) -> None:
    answer = assistant.query("loss stuck at 4.14")
    assert ids(answer)[0] == CHANCE
    assert answer.diagnoses[0].owner == "bundled"
    theirs = [one for one in answer.diagnoses if one.owner == "user"]
    assert [one.entry.status for one in theirs] == ["draft"]
    (refuted,) = theirs[0].contradictions
    assert "too few negatives" in refuted.passage
    assert refuted.source == str(notes / "fixes.md")
    assert refuted.line_start == 7
    assert refuted.entry_id == CHANCE
    assert "ln 63" in refuted.truth


def test_their_fix_is_never_above_ours(notes: Path) -> None:
    for k in (1, 2, 5, 20):
        diagnoses = assistant.query("loss stuck at 4.14", k=k).diagnoses
        refuted = [bool(one.contradictions) for one in diagnoses]
        assert refuted == sorted(refuted)
        assert diagnoses[0].entry.id == CHANCE


def test_their_passage_stands_beside_its_correction(notes: Path) -> None:
    hits = assistant.query("loss stuck at 4.14").passages
    cause = next(hit for hit in hits if "batch size of 32" in hit.text)
    assert cause.owner == "user"
    assert cause.source == str(notes / "postmortem.md")
    assert cause.truth is not None
    assert "ln 63" in cause.truth


def test_the_page_quotes_their_fix_and_does_not_propose_it(notes: Path) -> None:
    page = click.unstyle(render(assistant.query("loss stuck at 4.14")))
    head, _, theirs = page.partition("fixes/simclr-loss-stuck-at-4-14")
    assert "batch size to 256" not in unwrapped(head)
    assert "· yours ·" in theirs
    assert "does not hold" in unwrapped(theirs)
    assert "says  1. increase the batch size to 256" in theirs


def test_their_own_problem_is_found(notes: Path) -> None:
    answer = assistant.query("Barlow Twins loss explodes in the first epoch on one GPU")
    theirs = [one for one in answer.diagnoses if one.owner == "user"]
    assert theirs
    assert "Barlow Twins loss explodes" in theirs[0].entry.title
    assert theirs[0].contradictions == ()


# The form of an answer


def test_an_answer_survives_json(notes: Path) -> None:
    answer = assistant.query("loss stuck at 4.14", run=SICK)
    plain = answer.to_dict()
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain
    assert plain["schema"] == SCHEMA == 1
    assert set(plain) == {field.name for field in dataclasses.fields(Answer)}


def test_numbers_beyond_json_become_text() -> None:
    answer = assistant.query("loss nan", run={"loss": [4.2, float("nan")], "z_std": float("inf")})
    json.dumps(answer.to_dict(), allow_nan=False)


def test_an_answer_cannot_be_changed(stuck: Answer) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        stuck.fits = False  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        stuck.diagnoses[0].confidence = 1.0  # type: ignore[misc]


def test_an_answer_carries_the_settings_that_made_it(stuck: Answer) -> None:
    assert stuck.settings.k == 5
    assert stuck.settings.bundled_entries >= 48
    assert stuck.settings.encoder
    assert stuck.settings.user_documents == 0


def test_an_answer_shows_itself_in_a_notebook(stuck: Answer) -> None:
    assert stuck._repr_markdown_() == stuck.to_markdown()
    assert stuck.to_markdown().startswith("# loss stuck at 4.14\n")
