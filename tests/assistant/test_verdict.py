"""Claims: a run is sick when its numbers show a fault, healthy when they show progress, else
undecided; the reasons read as sentences; odd but healthy runs are never sick.
"""

from __future__ import annotations

import re

import pytest
from healthy_runs import healthy_runs
from small_runs import falls, flat, judged_as, model, run_of

import assistant
from assistant.answer import Answer, RunVerdict
from assistant.posterior import Model, weigh
from assistant.verdict import overturned, verdict_of
from kb.run import Run
from kb.signature.evaluate import State
from kb.types import Scalar

HEALTHY = healthy_runs()
WELL = run_of({"method": "simclr"}, loss=falls(5.5, 3.1, noise=0.05))
FLAT = run_of({"method": "simclr"}, loss=flat(4.0))
CHAIN = model(
    {"a/cause": {"a/cause": 0.95, "b/consequence": 0.9}, "b/consequence": {"b/consequence": 0.95}},
    leads_to={"a/cause": ("b/consequence",)},
)
TWO = model({"strong": {"strong": 0.99}, "weak": {"weak": 0.5}})


def verdict(
    run: Run | None, found: Model, states: dict[str, State]
) -> tuple[RunVerdict | None, tuple[str, ...]]:
    judged = judged_as(**states)
    return verdict_of(run, judged, weigh(found, judged))


# The verdict and its reasons


def test_settings_alone_get_no_verdict() -> None:
    assert verdict_of(None, {}, []) == (None, ())
    assert verdict_of(Run({"batch_size": 32}, {}), {}, []) == (None, ())


def test_a_fault_makes_a_run_sick_whatever_its_progress() -> None:
    said, reasons = verdict(WELL, TWO, {"strong": "silent", "weak": "fired"})
    assert said == "sick"
    assert reasons == ("its numbers show weak",)


def test_the_cause_is_shown_and_its_consequence_follows() -> None:
    said, reasons = verdict(WELL, CHAIN, {"a/cause": "fired", "b/consequence": "fired"})
    assert said == "sick"
    assert reasons == ("its numbers show a/cause", "from a/cause follows b/consequence")


def test_two_faults_are_both_shown_the_stronger_first() -> None:
    _, reasons = verdict(WELL, TWO, {"strong": "fired", "weak": "fired"})
    assert reasons == ("its numbers show strong and weak",)


def test_no_fault_and_progress_is_healthy() -> None:
    said, (reason,) = verdict(WELL, TWO, {"strong": "silent", "weak": "unknown"})
    assert said == "healthy"
    assert re.fullmatch(r"1 check found nothing; the loss fell from 5\.\d+ to 3\.\d+", reason)


def test_no_fault_and_no_progress_is_undecided_and_says_what_is_missing() -> None:
    said, reasons = verdict(FLAT, TWO, {"strong": "silent", "weak": "silent"})
    assert said == "undecided"
    assert reasons == (
        "2 checks found nothing",
        "the loss shows no clear progress and no probe accuracy rises",
    )


def test_nothing_that_could_be_checked_is_said() -> None:
    said, reasons = verdict(FLAT, TWO, {"strong": "unknown", "weak": "unknown"})
    assert said == "undecided"
    assert reasons[0] == "too few numbers for any check"


def test_what_speaks_for_health_is_said_of_an_undecided_run() -> None:
    run = run_of({"method": "simsiam", "dim": 2048}, loss=flat(-0.5), z_std=flat(0.022))
    _, reasons = verdict(run, TWO, {"strong": "silent"})
    assert reasons[-1] == "for health: z_std is 1.00 of 1/sqrt(dim)"


# Words against numbers


@pytest.mark.parametrize(
    ("worded", "first", "fired", "says"),
    [
        ("a", "b", ["b"], True),
        (None, "b", ["b"], False),
        ("a", None, [], False),
        ("b", "b", ["b"], False),
        ("a", "b", [], False),
        ("a", "c", ["b"], False),
        ("a", "b", ["a", "b"], False),  # the numbers show what the words mean, and its cause
    ],
)
def test_the_run_overturns_the_words_only_where_it_contradicts_them(
    worded: str | None, first: str | None, fired: list[str], says: bool
) -> None:
    assert bool(overturned(worded, first, fired)) == says


@pytest.mark.usefixtures("encoder_export")
def test_an_answer_that_overturns_the_words_says_so() -> None:
    words = "training is slow, gpu util 30%"
    alone = assistant.query(words)
    assert alone.diagnoses[0].entry.id == "perf/dataloader-bound"
    answer = assistant.query(words, run=run_of(loss=[4.2, 4.1, float("nan")]))
    assert answer.verdict == "sick"
    assert answer.diagnoses[0].entry.id == "numerics/nan-hunting"
    assert answer.reasons[-1] == (
        "the words alone point to perf/dataloader-bound; "
        "the run's numbers show numerics/nan-hunting instead"
    )
    agreeing = assistant.query("the loss became nan", run={"loss": [4.2, float("nan")]})
    assert not any("the words alone" in reason for reason in agreeing.reasons)


@pytest.mark.usefixtures("encoder_export")
def test_a_healthy_run_stays_healthy_whatever_the_words_fear() -> None:
    answer = assistant.query("has my simsiam run collapsed?", run=HEALTHY["simsiam"])
    assert answer.verdict == "healthy"
    assert answer.fits


# Whole runs


def assert_reads_well(answer: Answer) -> None:
    for reason in answer.reasons:
        assert reason == " ".join(reason.split())
        assert not reason.endswith((".", ",", ";", " "))
        assert "None" not in reason
        assert not re.search(r"\b1 (?:values|checks)\b", reason)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_that_looks_odd_is_not_sick(name: str) -> None:
    answer = assistant.diagnose(HEALTHY[name])
    assert answer.verdict != "sick", answer.reasons
    assert_reads_well(answer)
    young = name in ("three_epochs", "first_value")
    assert answer.verdict == ("undecided" if young else "healthy")


@pytest.mark.parametrize("value", [3.3, 3.7, 4.9, 5.55, 6.1, 7.02, 8.5, 9.21, 9.9, 10.7])
@pytest.mark.parametrize("spread", [0.0, 1e-4, 0.01])
def test_a_flat_loss_without_config_is_undecided_and_no_number_is_matched(
    value: float, spread: float
) -> None:
    answer = assistant.diagnose(run_of(loss=flat(value, noise=spread * value)))
    assert answer.verdict == "undecided"
    claims = [one.claim for diagnosis in answer.diagnoses for one in diagnosis.evidence]
    assert "matched" not in claims
    assert sum(one.confidence for one in answer.diagnoses) < 1
    assert_reads_well(answer)


SIMSIAM: dict[str, Scalar] = {"method": "simsiam", "dim": 2048, "batch_size": 512}


def test_simsiam_near_minus_0_99_needs_its_spread_to_be_called_healthy() -> None:
    loss = falls(-0.2, -0.985, noise=0.002)
    alone = assistant.diagnose(run_of(SIMSIAM, loss=loss))
    assert alone.verdict == "undecided"
    assert "z_std" in " ".join(alone.reasons)
    assert alone.next_measurement is not None
    spread = falls(0.015, 0.0215, noise=0.0002, rate=20)
    assert assistant.diagnose(run_of(SIMSIAM, loss=loss, z_std=spread)).verdict == "healthy"


def test_a_collapsed_run_is_sick_with_its_numbers_in_the_evidence() -> None:
    run = run_of(
        SIMSIAM, loss=falls(-0.2, -1, noise=1e-5, rate=60), z_std=falls(0.02, 2e-5, rate=60)
    )
    answer = assistant.diagnose(run)
    assert answer.verdict == "sick"
    assert "collapse/complete" in [one.entry.id for one in answer.diagnoses]
    assert_reads_well(answer)
    values = [one.values for one in answer.diagnoses[0].evidence if one.kind == "metric"]
    assert any(name.startswith("z_std.") for some in values for name in some)


@pytest.mark.parametrize(
    ("config", "series", "named"),
    [
        (
            {"method": "simclr", "batch_size": 32, "dim": 128},
            {"loss": flat(4.1431, noise=1e-5), "z_std": flat(1e-5)},
            "contrastive/chance-level-loss",
        ),
        ({}, {"loss": [4.0, 3.9, float("nan")]}, "numerics/nan-hunting"),
        (
            {},
            {"data_time": flat(0.8, noise=0.02), "step_time": flat(1.0, noise=0.02)},
            "perf/dataloader-bound",
        ),
    ],
)
def test_a_fault_is_named_and_the_first_has_its_numbers(
    config: dict[str, Scalar], series: dict[str, list[float]], named: str
) -> None:
    answer = assistant.diagnose(run_of(config, **series))
    assert answer.verdict == "sick"
    assert named in [one.entry.id for one in answer.diagnoses]
    assert any(one.kind in ("metric", "number") for one in answer.diagnoses[0].evidence)


def test_every_check_is_listed_once_with_its_reason() -> None:
    answer = assistant.diagnose(HEALTHY["simsiam"])
    names = [check.entry_id for check in (*answer.checked, *answer.unchecked)]
    assert len(set(names)) == len(names)
    assert all(check.reason for check in (*answer.checked, *answer.unchecked))
    assert {check.state for check in answer.checked} == {"silent"}
