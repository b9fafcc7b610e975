"""Claims: a trace is the run it writes down, with the steps it gives; anything else is a problem
at its line, never an exception.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.cases import Cases, read_cases
from kb.problems import Problem

HEAD = "phrasings: []\nqueries: []\nfires:\n"


def read(tmp_path: Path, trace: str) -> tuple[Cases, list[Problem]]:
    path = tmp_path / "a.cases.yaml"
    path.write_text(f"{HEAD}  - {trace}\n", encoding="utf-8")
    return read_cases(path, shown_as="a.cases.yaml")


def steps_of(cases: Cases, metric: str) -> list[int]:
    (trace,) = cases.fires
    return [int(step) for step in trace.run.series[metric].steps]


def test_a_trace_without_steps_counts_from_zero(tmp_path: Path) -> None:
    cases, problems = read(tmp_path, "{name: a, metrics: {loss: [3, 2, 1], z_std: 0.1}}")
    assert problems == []
    assert steps_of(cases, "loss") == [0, 1, 2]
    assert steps_of(cases, "z_std") == [0]
    assert cases.fires[0].run.series["loss"].logged_as == "loss"


def test_the_steps_of_a_trace_may_go_back(tmp_path: Path) -> None:
    cases, problems = read(
        tmp_path, "{name: a, steps: [0, 100, 200, 50], metrics: {loss: [3, 2, 1, 2]}}"
    )
    assert problems == []
    assert steps_of(cases, "loss") == [0, 100, 200, 50]
    assert cases.fires[0].run.series["loss"].values.tolist() == [3, 2, 1, 2]


def test_a_metric_of_another_length_keeps_its_own_steps(tmp_path: Path) -> None:
    cases, _ = read(tmp_path, "{name: a, steps: [10, 20], metrics: {loss: [3, 2], knn_acc: [1]}}")
    assert steps_of(cases, "loss") == [10, 20]
    assert steps_of(cases, "knn_acc") == [0]


@pytest.mark.parametrize(
    "steps",
    ["3", "a", "{a: 1}", "[1.5, 2]", "[true, false]", "[1, null]", "['1', '2']", f"[0, {2**62}]"],
)
def test_steps_that_are_no_whole_numbers_are_a_problem(tmp_path: Path, steps: str) -> None:
    cases, (problem,) = read(tmp_path, f"{{name: a, steps: {steps}, metrics: {{loss: [3, 2]}}}}")
    assert cases.fires == ()
    assert problem.line == HEAD.count("\n") + 1
    assert "fires: expected a trace" in problem.message


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    cases, (problem,) = read_cases(tmp_path / "none.yaml")
    assert cases.fires == ()
    assert "missing" in problem.message
