"""The stored answers of the rival tools, and the table that says what names a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import rivals
from benchmarks.diagnosis import truths
from benchmarks.rival_table import write_table
from benchmarks.rival_tools import RIVALS, Said, answer_of
from benchmarks.rivals import Answer, Outcome, named_in, outcome_of, totals
from kb.run import Run, Series

ROOT = Path(__file__).parents[1] / "benchmarks"
STORED = {"rivals_dev_runs.json": "dev_runs", "rivals_real_runs.json": "real_runs"}

ALARM = [Said("alarm", "nan_inf", "series 'loss' has 3 NaN values")]


@pytest.fixture(scope="module")
def table() -> Any:
    return json.loads(rivals.TERMS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=STORED)
def stored(request: pytest.FixtureRequest) -> tuple[Any, Path]:
    text = (ROOT / "results" / request.param).read_text(encoding="utf-8")
    return json.loads(text), ROOT / "data" / STORED[request.param]


def _outcomes(result: Any, name: str) -> list[Outcome]:
    return [Outcome(**one) for one in result["runs"][name]]


def test_every_group_has_terms_in_lower_case_and_a_reason_and_is_used(table: Any) -> None:
    used = {group for run in table["runs"].values() for group in run["groups"]}
    assert used == set(table["groups"])
    for group in table["groups"].values():
        assert group["terms"]
        assert group["reason"]
        assert group["terms"] == list(dict.fromkeys(term.lower() for term in group["terms"]))


def test_the_table_holds_every_faulty_run_and_nothing_else(table: Any) -> None:
    faulty = {
        f"{folder.parent.name}/{folder.name}"
        for data in STORED.values()
        for folder, truth in truths(ROOT / "data" / data)
        if not truth["healthy"]
    }
    assert set(table["runs"]) == faulty
    assert all(run["groups"] and run["reason"] for run in table["runs"].values())


def test_stored_outcomes_are_those_of_the_runs_there(stored: tuple[Any, Path]) -> None:
    result, data = stored
    expected = [(f"{f.parent.name}/{f.name}", bool(truth["healthy"])) for f, truth in truths(data)]
    assert list(result["runs"]) == [one.name for one in RIVALS]
    for name in result["runs"]:
        assert [(one.run, one.healthy) for one in _outcomes(result, name)] == expected


def test_stored_totals_follow_from_the_stored_outcomes(stored: tuple[Any, Path]) -> None:
    result, _ = stored
    for name, counts in result["totals"].items():
        assert counts == totals(_outcomes(result, name))


def test_stored_names_are_terms_of_the_run(stored: tuple[Any, Path], table: Any) -> None:
    result, _ = stored
    for name in result["runs"]:
        for one in _outcomes(result, name):
            allowed = [] if one.healthy else rivals.terms_of(one.run, table)
            assert set(one.named) <= set(allowed)
            if one.says:
                assert set(named_in(one.printed, allowed)) <= set(one.named)


def test_stored_results_say_what_was_run(stored: tuple[Any, Path]) -> None:
    result, _ = stored
    assert set(result["versions"]) == {"python", *(one.name for one in RIVALS)}
    assert set(result["called"]) == {one.name for one in RIVALS}
    for name in result["runs"]:
        for one in _outcomes(result, name):
            assert one.command.startswith("python -m ")
            assert len(one.printed) <= rivals.SHORT


def test_a_term_counts_as_a_whole_word_only() -> None:
    assert named_in("Loss became NaN; `loss` ≈ ln(63)", ["nan", "≈ ln", "inf"]) == ["nan", "≈ ln"]
    assert named_in("infx its minimum, nanmean", ["inf", "nan"]) == []


def test_the_table_counts_where_the_own_log_was_not_read() -> None:
    unread = Answer("own log", "a", "error", None)
    one = outcome_of("d/r", False, [unread, Answer("table", "b", "{}", ALARM)], ["nan"])
    assert (one.route, one.command, one.flagged, one.named) == ("table", "b", True, ["nan"])
    none = outcome_of("d/r", False, [unread, Answer("table", "b", "bad", None)], ["nan"])
    assert (none.route, none.flagged, none.best_flagged, none.named) == ("unread", False, False, [])


def test_the_better_route_is_the_loud_one_on_a_fault_and_the_silent_one_on_health() -> None:
    answers = [Answer("own log", "a", "{}", []), Answer("table", "b", "{}", ALARM)]
    ill = outcome_of("d/r", False, answers, ["nan"])
    assert (ill.flagged, ill.best_flagged, ill.named, ill.best_named) == (False, True, [], True)
    well = outcome_of("d/r", True, answers[::-1], [])
    assert (well.flagged, well.best_flagged) == (True, False)


def test_an_answer_without_a_training_loss_is_no_verdict() -> None:
    answers = {
        "runmedic": [{"roles": {"lr": ["lr"]}, "findings": []}],
        "losslint": {"runs": [{"series": ["lr"]}], "findings": []},
        "trainspotter": {"run": {"metrics": {"lr": {}}}, "findings": []},
        "trainproof": {"reports": [{"verdict": "FAIL", "findings": [{"id": "TP-NO-LOSS"}]}]},
    }
    for rival in RIVALS:
        assert answer_of(rival, json.dumps(answers[rival.name])) is None
        assert answer_of(rival, "Traceback (most recent call last):") is None


def test_the_table_keeps_blanks_nan_and_steps_that_went_back(tmp_path: Path) -> None:
    steps = np.array([0, 10, 5, 5], dtype=np.int64)
    loss = Series("loss", np.array([3.0, 2.0, np.nan, 1.0]), steps, "train_loss")
    val = Series("val/loss", np.array([4.0]), np.array([10], dtype=np.int64), "v")
    clock = Series("step", steps.astype(np.float64), steps, "step")
    path = tmp_path / "metrics.csv"
    write_table(Run(series={"step": clock, "loss": loss, "val/loss": val}), path)
    assert path.read_text().split() == [
        "step,loss,eval_loss",
        "0,3.0,",
        "10,2.0,4.0",
        "5,nan,",
        "5,1.0,",
    ]
