"""A long run is charted from all its values, not from the few thousand that following keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_driving import small_answer, small_run

from ingest.runs.follow import MOST, Follower
from kb.run import Run
from tui.run.charts import charts_of
from tui.run.choice import charted
from tui.run.found import look_below
from tui.run.history import STRETCHES, History, Whole
from tui.run.state import began_anew

SPIKE_AT = 12_345


class Reading:
    """Stands for the thread: runs a job at once, or fails."""

    def __init__(self) -> None:
        self.jobs = 0
        self.error: Exception | None = None

    def __call__(
        self, slot: str, job: Callable[[], Whole], then: Callable[[Whole | Exception], None]
    ) -> None:
        self.jobs += 1
        then(self.error or job())


@pytest.fixture
def long_run(tmp_path: Path) -> Path:
    values = np.where(np.arange(20_000) == SPIKE_AT, 99.0, 4.0)
    rows = "\n".join(f"{step},{value}" for step, value in enumerate(values))
    (tmp_path / "metrics.csv").write_text(f"step,loss\n{rows}\n")
    return tmp_path


def followed(path: Path) -> Run:
    follower = Follower(path)
    assert follower.poll()
    assert follower.run is not None
    return follower.run


def test_a_spike_that_following_left_out_is_in_the_chart(long_run: Path) -> None:
    run, reading, told = followed(long_run), Reading(), []
    assert len(run.series["loss"]) <= MOST
    history = History(reading, lambda: told.append(1))
    assert history.traces(long_run, run)
    assert told == [1]
    chart = charts_of(run, None, {}, history.traces(long_run, run))[0]
    assert chart.curves[0].extremes() == (4.0, 99.0)
    assert chart.curves[0].counts.sum() == 20_000
    assert len(chart.curves[0]) <= STRETCHES
    assert reading.jobs == 1


def test_what_was_logged_since_follows_and_growth_by_half_is_read_again(long_run: Path) -> None:
    follower, reading = Follower(long_run), Reading()
    follower.poll()
    history = History(reading, lambda: None)
    history.traces(long_run, follower.run)
    for first, last, jobs in ((20_000, 24_000, 1), (24_000, 31_000, 2)):
        with (long_run / "metrics.csv").open("a") as file:
            file.writelines(f"{step},3.5\n" for step in range(first, last))
        follower.poll()
        assert follower.run is not None
        history.traces(long_run, follower.run)
        chart = charts_of(follower.run, None, {}, history.traces(long_run, follower.run))[0]
        assert chart.curves[0].steps[-1] >= last - 2 * 20
        assert chart.curves[0].extremes() == (3.5, 99.0)
        assert reading.jobs == jobs


def test_a_short_run_is_not_read_twice_and_a_failure_not_repeated(long_run: Path) -> None:
    reading = Reading()
    history = History(reading, lambda: None)
    assert history.traces(Path("runs/exp7"), small_run()) == {}
    assert reading.jobs == 0
    reading.error = OSError("gone")
    for _ in range(3):
        assert history.traces(long_run, followed(long_run)) == {}
    assert reading.jobs == 1


def test_metrics_of_the_leading_diagnosis_are_drawn_first() -> None:
    run = small_run()
    assert charted(run, small_answer())[:2] == ["loss", "z_std"]
    assert charted(run, None) == ["loss", "z_std", "grad_norm", "std"]


def test_a_log_that_begins_anew_is_told_from_one_that_goes_on() -> None:
    assert began_anew(small_run(400), small_run(20))
    assert not began_anew(small_run(20), small_run(400))
    assert not began_anew(None, small_run(20))


def test_runs_below_a_folder_are_attached_with_the_folder_that_is_theirs_alone(
    tmp_path: Path,
) -> None:
    for name in ("a/tb", "b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "log.jsonl").write_text('{"step": 1, "loss": 4}\n' * 9)
    found = look_below(tmp_path)
    assert {run.path for run in found.runs} == {tmp_path / "a", tmp_path / "b"}
    (tmp_path / "b" / "log.jsonl").unlink()
    assert [run.path for run in look_below(tmp_path).runs] == [tmp_path / "a"]
    assert [run.path for run in look_below(tmp_path / "a" / "tb").runs] == [
        tmp_path / "a" / "tb" / "log.jsonl"
    ]
    assert look_below(tmp_path / "none").reason


def test_what_only_looks_like_a_log_is_no_run(tmp_path: Path) -> None:
    screen = "| loss  4.143 at step 279 |\n| z_std 0.08 |\n| loss 4.143, batch 32 |\n" * 3
    (tmp_path / "screen.txt").write_text(screen)
    (tmp_path / "notes.txt").write_text("We saw loss: 4.1 in epoch 3, then loss: 3.9.\n")
    (tmp_path / "topics.tsv").write_text("id\ttitle\na\tThe loss\nb\tThe rest\n")
    assert look_below(tmp_path).runs == ()
    assert "no run" in look_below(tmp_path).reason
    (tmp_path / "exp7.txt").write_text("".join(f"epoch {n} loss {4 - n / 9}\n" for n in range(3)))
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "data.csv").write_text("step,loss\n")
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "train.log").write_text("epoch 1 loss 4.1\n")
    names = sorted(run.name for run in look_below(tmp_path).runs)
    assert names == ["begun", "exp7.txt", "named"]
