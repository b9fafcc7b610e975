"""Claims: what to measure next is a number a person can log, with what each outcome means."""

from __future__ import annotations

import pytest

from assistant.answer import Diagnosis
from assistant.judge import checks, evidence_of, judge
from assistant.measure import next_measurement
from kb.run import Run, Series
from kb.types import Entry, Neighbour


def diagnosis(
    entry_id: str,
    confidence: float = 0.5,
    *,
    signature: str | None = None,
    metrics: tuple[str, ...] = (),
    tell_apart: tuple[Neighbour, ...] = (),
) -> Diagnosis:
    entry = Entry(
        entry_id, entry_id, "family", "bundled", "documented",
        signature=signature, metrics=metrics, tell_apart=tell_apart,
    )  # fmt: skip
    return Diagnosis(entry, confidence, (), (), "bundled")


def run_with(config: dict[str, str | float], **metrics: list[float]) -> Run:
    return Run(config, {name: Series.from_values(name, one) for name, one in metrics.items()})


def test_the_measurement_that_tells_two_candidates_apart_comes_first() -> None:
    told = Neighbour("b/b", "the spread after normalisation. Near 0 there, near 1 here")
    found = next_measurement([diagnosis("a/a", tell_apart=(told,)), diagnosis("b/b")], None)
    assert found is not None
    assert found.metric == "z_std"
    assert found.reason == (
        'tells a/a ("here") from b/b ("there"): '
        "the spread after normalisation. Near 0 there, near 1 here."
    )


def test_the_spread_of_the_loss_is_not_the_spread_of_embeddings() -> None:
    told = Neighbour("b/b", "the batch-to-batch spread of the loss. Under 1e-3 is that")
    assert next_measurement([diagnosis("a/a", tell_apart=(told,)), diagnosis("b/b")], None) is None


def test_otherwise_signatures_say_what_goes_with_which_candidate() -> None:
    found = next_measurement(
        [
            diagnosis("a/a", signature="max(z_std.level, z_std.last) < 0.01", metrics=("z_std",)),
            diagnosis("b/b", signature="z_std.last * sqrt(dim) > 0.2", metrics=("z_std",)),
        ],
        None,
    )
    assert found is not None
    assert found.metric == "z_std"
    assert "0 is collapse" in found.reason
    assert found.reason.endswith(
        "a/a goes with z_std < 0.01; b/b goes with z_std * sqrt(dim) > 0.2."
    )


def test_a_closed_form_is_shown_as_its_formula() -> None:
    asked = diagnosis(
        "a/a", signature="teacher_entropy.last > 0.98 * chance(dino)", metrics=("teacher_entropy",)
    )
    found = next_measurement([asked], None)
    assert found is not None
    assert found.reason.endswith("a/a goes with teacher_entropy > 0.98 * ln K.")


@pytest.mark.parametrize("metric", ["lr", "epoch", "loss", "wd"])
def test_what_a_person_set_or_has_is_not_asked_for(metric: str) -> None:
    asked = diagnosis("a/a", signature=f"{metric}.last > 0.5", metrics=(metric,))
    assert next_measurement([asked], None) is None


def test_what_was_measured_is_not_asked_for_again() -> None:
    asked = diagnosis(
        "a/a", signature="z_std.last < 0.1 and neg_sim.last > 0.9", metrics=("z_std", "neg_sim")
    )
    found = next_measurement([asked], run_with({}, z_std=[0.01]))
    assert found is not None
    assert found.metric == "neg_sim"


@pytest.mark.parametrize(
    "signature",
    [
        "z_std.last < 0.5 * z_std.max",
        "z_std.max - z_std.min < 1e-6",
        "z_std.slope < 0.1",
        "z_std.last < pos_sim.last",
    ],
)
def test_comparisons_that_no_one_reads_off_a_plot_are_left_out(signature: str) -> None:
    asked = diagnosis("a/a", signature=signature, metrics=("z_std", "pos_sim"))
    assert next_measurement([asked], None) is None


def test_nothing_diagnosed_needs_nothing_measured() -> None:
    assert next_measurement([], None) is None


def test_evidence_of_a_run_reads_as_sentences_with_its_numbers() -> None:
    entry = diagnosis(
        "a/a", signature="max(z_std.level, z_std.last) < 0.01 and batch_size < 64"
    ).entry
    run = run_with({"batch_size": 32}, z_std=[1e-4])
    metric, config = evidence_of(judge([entry], run)["a/a"])
    assert metric.text == "In this run z_std is 0.0001, so max(z_std.level, z_std.last) < 0.01."
    assert metric.kind == "metric"
    assert config.text == "In this run batch_size is 32, so batch_size < 64."
    assert config.kind == "config"


def test_different_reductions_are_told_apart_in_words() -> None:
    entry = diagnosis("a/a", signature="z_std.last < 0.5 * z_std.max").entry
    run = run_with({}, z_std=[0.9, 0.1])
    (line,) = evidence_of(judge([entry], run)["a/a"])
    assert line.text.startswith(
        "In this run the last z_std is 0.1 and the largest z_std is 0.9, so"
    )


def test_a_share_of_nan_is_said_in_words() -> None:
    entry = diagnosis("a/a", signature="loss.nonfinite > 0").entry
    (line,) = evidence_of(judge([entry], run_with({}, loss=[1.0, float("nan")]))["a/a"])
    assert "the share of NaN or infinite values of loss is 0.5" in line.text


def test_a_silent_signature_gives_no_evidence() -> None:
    entry = diagnosis("a/a", signature="z_std.last < 0.01").entry
    assert evidence_of(judge([entry], run_with({}, z_std=[0.5]))["a/a"]) == []


def test_what_could_not_be_checked_names_what_was_missing() -> None:
    entries = [
        diagnosis("a/a", signature="z_std.last < 0.01").entry,
        diagnosis("b/b", signature="neg_sim.last > 0.9 and z_std.last < 0.1").entry,
        diagnosis("c/c").entry,
    ]
    checked, unchecked = checks(judge(entries, run_with({}, z_std=[0.001])))
    assert [(one.entry_id, one.state) for one in checked] == [("a/a", "fired")]
    assert [(one.entry_id, one.reason) for one in unchecked] == [("b/b", "missing: neg_sim")]
