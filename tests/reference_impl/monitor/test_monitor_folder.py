"""A folder holds one run: what an earlier one left is moved aside, or gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ingest
from reference_impl.monitor import Monitor


def steps(folder: Path) -> list[float]:
    """Return the steps of a log."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def test_a_second_run_moves_the_first_aside_and_is_read_alone(tmp_path: Path) -> None:
    for count, lr in ((5, 0.1), (3, 0.2), (2, 0.3)):
        with Monitor(tmp_path, config={"lr": lr}, every=1) as monitor:
            for _ in range(count):
                monitor.observe(float(count), knn_acc=0.1, more=1.0 * count)
    assert steps(tmp_path) == [0, 1]
    assert steps(tmp_path / ".earlier/1") == [0, 1, 2, 3, 4]
    assert steps(tmp_path / ".earlier/2") == [0, 1, 2]
    run = ingest.open_run(tmp_path)
    assert run.series["loss"].values.tolist() == [2.0, 2.0]
    assert run.config["lr"] == 0.3
    assert len(ingest.open_runs(tmp_path)) == 1
    first = ingest.open_run(tmp_path / ".earlier/1")
    assert first.config["lr"] == 0.1
    assert first.series["loss"].values.tolist() == [5.0] * 5


def test_an_empty_log_is_no_run(tmp_path: Path) -> None:
    Monitor(tmp_path).close()
    Monitor(tmp_path).close()
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_resumed_run_replaces_what_it_does_again(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1) as monitor:
        for _ in range(6):
            monitor.observe(1.0)
        monitor.record(4, knn_acc=0.5)
    with Monitor(tmp_path, every=1, resume=True) as monitor:
        for step in (4, 5):
            monitor.observe(2.0, step=step)
    run = ingest.open_run(tmp_path)
    assert run.series["loss"].steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.series["loss"].values.tolist() == [1.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    assert run.series["knn_acc"].steps.tolist() == [4]
    assert [one.name for one in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_resumed_run_that_gives_no_steps_counts_on(tmp_path: Path) -> None:
    for resume in (False, True):
        with Monitor(tmp_path, every=1, resume=resume) as monitor:
            monitor.observe(1.0)
            monitor.observe(1.0)
    assert steps(tmp_path) == [0, 1, 2, 3]


def test_resuming_what_is_not_there_begins_it(tmp_path: Path) -> None:
    with Monitor(tmp_path / "new", every=1, resume=True) as monitor:
        monitor.observe(1.0)
    assert steps(tmp_path / "new") == [0]


@pytest.mark.parametrize(("rank", "writes"), [("0", True), ("1", False), ("", True)])
def test_only_the_first_process_writes_before_there_is_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rank: str, writes: bool
) -> None:
    monkeypatch.setenv("RANK", rank)
    with Monitor(tmp_path, config={"lr": 0.1}, every=1) as monitor:
        monitor.observe(1.0)
    assert (tmp_path / "metrics.jsonl").exists() == writes
    assert (tmp_path / "config.json").exists() == writes
