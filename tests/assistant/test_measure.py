"""Claims: what to measure next is a number a person can log, with what each outcome means."""

from __future__ import annotations

import re

import pytest
from small_runs import entry, model

from assistant.answer import Diagnosis, Measurement
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


# With a run: expected information

SPREAD, COSINE, RANK = "z_std.last < 0.1", "neg_sim.last > 0.9", "erank_z.last < 5"


def asked_with_run(
    shares: dict[str, dict[str, float]], *confidences: float, logged: tuple[str, ...] = ("loss",)
) -> Measurement | None:
    """Return what is asked for when the leading candidates are `a`, `b` ...; `x`, `y` and `z`
    can be checked only with a metric that was not logged."""
    signatures = {"x": SPREAD, "y": COSINE, "z": RANK}
    entries = [entry(name, signatures.get(name, "loss.last > 1")) for name in shares]
    run = run_with({}, **{name: [0.5] for name in logged})
    leading = [diagnosis(name, one) for name, one in zip("abc", confidences, strict=False)]
    return next_measurement(leading, run, judge(entries, run), model(shares))


def test_the_metric_of_largest_expected_information_is_asked_for() -> None:
    """`x` fires under both candidates, `y` under one in half of its runs, `z` under one always."""
    shares = {
        "a": {"x": 0.9, "y": 0.5, "z": 0.95},
        "b": {"x": 0.9, "y": 0.0, "z": 0.0},
        "x": {},
        "y": {},
        "z": {},
    }
    found = asked_with_run(shares, 0.6, 0.4)
    assert found is not None
    assert found.metric == "erank_z"
    bits = re.search(r"(\d\.\d\d) bits expected", found.reason)
    assert bits is not None
    assert 0.7 < float(bits[1]) < 0.97  # never more than there is to know: 0.97 bits at 60 to 40
    assert found.reason.endswith("erank_z < 5 speaks for a.")
    without = asked_with_run(shares, 0.6, 0.4, logged=("loss", "erank_z"))
    assert without is not None
    assert without.metric == "neg_sim"


def test_what_separates_nothing_is_not_asked_for_with_bits() -> None:
    """Both candidates make the one open check fire alike, or one candidate is certain."""
    alike = {"a": {"x": 0.9}, "b": {"x": 0.9}, "x": {}}
    apart = {"a": {"x": 0.9}, "b": {}, "x": {}}
    for shares, confidences in ((alike, (0.5, 0.5)), (apart, (1.0, 0.0)), (apart, (1.0,))):
        found = asked_with_run(shares, *confidences)
        assert found is None or "bits" not in found.reason
    found = asked_with_run(apart, 0.5, 0.5)
    assert found is not None
    assert "bits" in found.reason


def test_where_nothing_was_diagnosed_the_spread_is_asked_for_first() -> None:
    found = asked_with_run({"x": {}, "y": {}})
    assert found is not None
    assert found.metric == "z_std"
    assert found.reason.startswith("it tells a collapse from progress")


def test_with_a_spread_the_metric_that_most_checks_wait_for_is_asked_for() -> None:
    entries = [entry("a", COSINE), entry("b", "neg_sim.last < 0"), entry("c", RANK)]
    run = run_with({}, z_std=[0.05])
    shares: dict[str, dict[str, float]] = {"a": {}, "b": {}, "c": {}}
    found = next_measurement([], run, judge(entries, run), model(shares))
    assert found is not None
    assert found.metric == "neg_sim"
    assert found.reason.startswith("2 more checks need only it.")


def test_evidence_of_a_run_reads_as_sentences_with_its_numbers() -> None:
    entry = diagnosis("a/a", signature="batch_size < 64 and z_std.level * sqrt(dim) < 0.1").entry
    run = run_with({"batch_size": 32, "dim": 100}, z_std=[1e-4])
    metric, config = evidence_of(judge([entry], run)["a/a"])
    assert metric.text == (
        "The recent z_std * sqrt(dim) is 0.001, below 0.1 (the recent z_std 0.0001, dim 100)."
    )
    assert metric.kind == "metric"
    assert metric.values == {"z_std.level": 1e-4, "dim": 100}
    assert config.text == "Batch_size is 32, below 64."
    assert config.kind == "config"


def test_a_closed_form_in_the_evidence_is_its_formula_with_its_value() -> None:
    entry = diagnosis("a/a", signature="near(loss.level, chance(nt_xent), rel=0.01)").entry
    (line,) = evidence_of(judge([entry], run_with({"batch_size": 32}, loss=[4.15]))["a/a"])
    assert line.text == (
        "The recent loss is 4.15, near 4.143, ln(2B - 1) (the recent loss 4.15, ln(2B - 1) 4.143)."
    )


def test_clauses_about_method_and_length_are_no_evidence() -> None:
    entry = diagnosis(
        "a/a", signature="method == 'byol' and loss.n >= 2 and epoch.last > 1 and loss.last < 1"
    ).entry
    run = run_with({"method": "byol"}, loss=[2.0, 0.5], epoch=[1, 2])
    (line,) = evidence_of(judge([entry], run)["a/a"])
    assert line.text == "The last loss is 0.5, below 1."


def test_different_reductions_are_told_apart_in_words() -> None:
    entry = diagnosis("a/a", signature="z_std.last < 0.5 * z_std.max").entry
    run = run_with({}, z_std=[0.9, 0.1])
    (line,) = evidence_of(judge([entry], run)["a/a"])
    assert line.text.startswith("The last z_std is 0.1, below 0.45, 0.5 * the largest z_std ")


def test_a_share_of_nan_is_said_in_words() -> None:
    entry = diagnosis("a/a", signature="loss.nonfinite > 0").entry
    (line,) = evidence_of(judge([entry], run_with({}, loss=[1.0, float("nan")]))["a/a"])
    assert line.text == "The share of NaN or infinite values of loss is 0.5, above 0."


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


def test_a_clause_that_only_keeps_a_ratio_sound_is_no_evidence() -> None:
    signature = "loss.start > 0 and loss.level > 0.5 * loss.start and loss.nonfinite > 0"
    (judged,) = judge(
        [diagnosis("a/a", signature=signature).entry],
        run_with({}, loss=[2.0, 1.9, float("nan")]),
    ).values()
    told = [one.text for one in evidence_of(judged)]
    assert len(told) == 2
    assert not any(one.startswith("The initial loss") for one in told)
    assert any("NaN" in one for one in told)
