"""The logs of real trainings in benchmarks/data/real_runs: all there, labelled, small, whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.real_runs.spec import KINDS, read_specs
from benchmarks.real_runs.truth import RUNS, Line, truths
from kb.topics import topics

MOST_BYTES_OF_A_RUN = 60_000
MOST_BYTES = 5_000_000

LINES = [(kind, line) for kind in KINDS for line in truths(RUNS / kind).values()]
each_run = pytest.mark.parametrize(("kind", "line"), LINES, ids=[line["run"] for _, line in LINES])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_there_are_enough_runs_of_either_kind() -> None:
    counts = Counter(kind for kind, _ in LINES)
    assert counts["healthy"] >= 40
    assert counts["faulty"] >= 45


@pytest.mark.parametrize("kind", KINDS)
def test_folders_lines_and_specs_name_the_same_runs(kind: str) -> None:
    folders = {path.name for path in (RUNS / kind).iterdir() if path.is_dir()}
    specs = {spec.name: (spec.what, dict(spec.labels)) for spec in read_specs(kind)}
    lines = {name: (line["what"], line["labels"]) for name, line in truths(RUNS / kind).items()}
    assert folders == set(lines)
    assert lines == specs


@each_run
def test_labels_are_topics_and_match_the_kind(kind: str, line: Line) -> None:
    assert set(line["labels"]) <= set(topics())
    assert set(line["labels"].values()) <= {1, 2}
    assert line["healthy"] == (kind == "healthy")
    assert (2 in line["labels"].values()) == (kind == "faulty")


@each_run
def test_every_log_is_small_and_none_is_empty(kind: str, line: Line) -> None:
    found = files(RUNS / kind / line["run"])
    assert found
    assert all(path.is_file() and not path.is_symlink() for path in found)
    assert all(path.stat().st_size > 0 for path in found)
    assert sum(path.stat().st_size for path in found) <= MOST_BYTES_OF_A_RUN
    assert line["check"]["points"] >= 16


def test_all_runs_together_stay_below_five_megabytes() -> None:
    assert sum(path.stat().st_size for path in files(RUNS)) <= MOST_BYTES


@pytest.mark.parametrize("line", [line for kind, line in LINES if kind == "healthy"])
def test_a_healthy_run_learnt_something_and_did_not_collapse(line: Line) -> None:
    check = line["check"]
    assert check["knn_end"] > check["knn_start"]
    assert check["spread_end"] > 0.3


def test_every_logger_and_method_has_healthy_and_faulty_runs() -> None:
    for key in ("format", "method"):
        kinds = {kind: {line[key] for held, line in LINES if held == kind} for kind in KINDS}
        assert kinds["faulty"] <= kinds["healthy"]
        assert len(kinds["healthy"]) == 12
