"""A run followed while it is written: its states, rotation, bounded memory, constant cost."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from text_reading import read_pieces

from ingest.runs import follow
from ingest.runs.follow import Follower
from ingest.runs.formats.console import FORMAT as CONSOLE
from ingest.runs.formats.state import CRASHED, STATE
from kb.errors import UsageError
from kb.run import Series

HEADER = "epoch,step,train_loss\n"


class Training:
    """A run folder that a test writes to, its follower, and the time as both see it."""

    def __init__(self, folder: Path, *, silent_after: float = 60.0) -> None:
        self.folder = folder
        self.now = 1_800_000_000.0
        self.follower = Follower(folder, silent_after=silent_after, clock=lambda: self.now)

    def write(self, text: str, name: str = "metrics.csv", mode: str = "a") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            file.write(text)
        os.utime(path, (self.now, self.now))

    def later(self, seconds: float) -> str:
        """Let time pass, look, and return the state."""
        self.now += seconds
        self.follower.poll()
        return self.follower.life().state

    @property
    def loss(self) -> Series:
        assert self.follower.run is not None
        return self.follower.run.series["loss"]


@pytest.fixture
def training(tmp_path: Path) -> Training:
    return Training(tmp_path / "run")


def _rows(first: int, last: int, per_epoch: int = 10) -> str:
    return "".join(f"{at // per_epoch},{at},{5 - at * 1e-3:.3f}\n" for at in range(first, last))


# States


def test_a_run_that_does_not_exist_yet_is_waited_for(training: Training) -> None:
    assert training.later(0) == "waiting"
    assert training.follower.run is None
    assert training.later(5) == "waiting"
    assert training.follower.life().idle == 5
    training.write(HEADER + _rows(0, 3))
    assert training.later(1) == "live"
    assert training.loss.steps.tolist() == [0, 1, 2]


def test_a_log_without_values_yet_is_waited_for(training: Training) -> None:
    training.write(HEADER)
    assert training.later(0) == "waiting"
    training.write(_rows(0, 1))
    assert training.later(1) == "live"


def test_a_run_is_silent_when_nothing_came_for_long_and_live_again_after(
    training: Training,
) -> None:
    training.write(HEADER + _rows(0, 3))
    assert training.later(0) == "live"
    assert training.later(59) == "live"
    assert training.later(1) == "silent"
    assert training.follower.life().why == "nothing written for 1 min"
    training.write(_rows(3, 4))
    assert training.later(1) == "live"


def test_a_run_that_ended_long_ago_is_not_live_because_it_is_read_now(training: Training) -> None:
    training.write(HEADER + _rows(0, 3))
    assert training.later(3600) == "silent"
    assert training.follower.life().idle == 3600


@pytest.mark.parametrize(("last", "state"), [(99, "finished"), (60, "silent")])
def test_a_run_that_stopped_is_finished_if_all_its_epochs_are_logged(
    training: Training, last: int, state: str
) -> None:
    training.write("epochs: 10\n", "hparams.yaml")
    training.write(HEADER + _rows(0, last))
    assert training.later(1) == "live"
    assert training.later(60) == state


@pytest.mark.parametrize(
    ("said", "state"), [("FINISHED", "finished"), ("FAILED", "crashed"), ("RUNNING", "live")]
)
def test_the_loggers_own_word_on_the_end_counts(training: Training, said: str, state: str) -> None:
    number = {"RUNNING": 1, "FINISHED": 3, "FAILED": 4}[said]
    run = "mlruns/0/" + "a" * 32
    training.write("run_id: " + "a" * 32 + f"\nstatus: {number}\n", f"{run}/meta.yaml")
    training.write("1800000000000 4.0 0\n1800000001000 3.9 1\n", f"{run}/metrics/loss")
    assert training.later(10) == state


TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "train.py", line 10, in <module>\n'
    '    log("step 7 loss: 0.5")\n'
    "RuntimeError: CUDA out of memory\n"
)


def _printed(first: int, last: int) -> str:
    return "".join(f"step {at} loss: {5 - at * 1e-3:.3f}\n" for at in range(first, last))


def test_a_log_that_ends_with_a_traceback_is_of_a_crash(training: Training) -> None:
    training.write(_printed(0, 5), "train.log")
    assert training.later(1) == "live"
    training.write(TRACEBACK, "train.log")
    assert training.later(1) == "live"
    assert training.later(5) == "crashed"
    assert training.loss.values[-1] == 4.996


def test_a_run_that_goes_on_after_an_error_did_not_crash(training: Training) -> None:
    training.write(_printed(0, 5) + TRACEBACK, "train.log")
    assert training.later(10) == "crashed"
    training.write(_printed(5, 6), "train.log")
    assert training.later(10) == "live"
    assert training.later(10) == "live"


@pytest.mark.parametrize(
    "told",
    [
        TRACEBACK,
        TRACEBACK.replace("\n", "\r\n"),
        "".join(f"[rank0]: {line}\n" for line in TRACEBACK.splitlines()),
        "".join(f"3: {line}\n" for line in TRACEBACK.splitlines()),
        TRACEBACK + "\nsrun: error: node7: task 0: Exited with exit code 1\n",
    ],
)
def test_a_traceback_is_known_however_it_is_printed(told: str) -> None:
    log = read_pieces(CONSOLE, [(_printed(0, 5) + told).encode()])
    assert log.settings[STATE] == CRASHED
    assert len(log.columns["loss"].values) == 5


def test_an_error_that_python_ignored_is_no_crash() -> None:
    told = "Exception ignored in: <function Pool.__del__ at 0x7f>\n" + TRACEBACK
    assert STATE not in read_pieces(CONSOLE, [(_printed(0, 5) + told).encode()]).settings


# What happens to files


def test_a_rotated_log_is_read_on_from_the_new_file(training: Training) -> None:
    training.write(HEADER + _rows(0, 5))
    training.later(1)
    (training.folder / "metrics.csv").rename(training.folder / "metrics.csv.1")
    training.write(HEADER + _rows(5, 7))
    assert training.later(1) == "live"
    assert training.loss.steps.tolist() == [5, 6]


def test_a_truncated_log_is_read_anew(training: Training) -> None:
    training.write(HEADER + _rows(0, 5))
    training.later(1)
    training.write(HEADER + _rows(0, 2), mode="w")
    assert training.later(1) == "live"
    assert training.loss.steps.tolist() == [0, 1]


def test_a_log_emptied_before_it_is_rewritten_leaves_the_run_as_it_was(
    training: Training,
) -> None:
    training.write(HEADER + _rows(0, 5))
    training.later(1)
    training.write("", mode="w")
    assert not training.follower.poll()
    assert len(training.loss) == 5


def test_a_partial_record_is_not_there_yet(training: Training) -> None:
    training.write(HEADER + _rows(0, 2) + "0,2,4.")
    training.later(1)
    assert training.loss.steps.tolist() == [0, 1]
    training.write("75\n")
    training.later(1)
    assert training.loss.values[-1] == 4.75


def test_a_log_that_vanishes_for_a_moment_is_read_on(training: Training) -> None:
    training.write(HEADER + _rows(0, 2))
    training.later(1)
    path = training.folder / "metrics.csv"
    path.rename(training.folder / "away")
    assert training.later(1) == "live"
    assert len(training.loss) == 2
    (training.folder / "away").rename(path)
    training.write(_rows(2, 3))
    assert training.later(1) == "live"
    assert training.loss.steps.tolist() == [0, 1, 2]


def test_a_folder_of_event_files_that_vanishes_is_waited_for(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.write(HEADER + _rows(0, 2))
    training.later(1)

    def gone() -> bool:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(training.follower._source, "poll", gone)
    assert not training.follower.poll()
    assert len(training.loss) == 2


def test_the_newest_run_is_followed_and_stays_so(training: Training) -> None:
    training.write(HEADER + _rows(0, 2), "version_0/metrics.csv")
    training.now += 100
    training.write(HEADER + _rows(0, 3), "version_1/metrics.csv")
    training.later(1)
    assert len(training.loss) == 3
    training.now += 100
    training.write(HEADER + _rows(0, 9), "version_2/metrics.csv")
    training.write(_rows(3, 4), "version_1/metrics.csv")
    training.later(1)
    assert len(training.loss) == 4
    assert training.follower.run is not None
    assert "version_1" in training.follower.run.source


def test_a_wrong_setting_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown setting"):
        Follower(tmp_path, settings={"batch_sise": 3})


def test_a_wrong_metric_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="z_sdt"):
        Follower(tmp_path, names={"spread": "z_sdt"})


def test_a_name_given_by_hand_may_be_logged_later(tmp_path: Path) -> None:
    training = Training(tmp_path / "run")
    training.follower = Follower(
        training.folder, names={"spread": "z_std"}, clock=lambda: training.now
    )
    training.write('{"step": 0, "loss": 4.0}\n', "log.jsonl")
    assert training.later(1) == "live"
    training.write('{"step": 1, "loss": 3.9, "spread": 0.5}\n', "log.jsonl")
    training.later(1)
    assert training.follower.run is not None
    assert training.follower.run.series["z_std"].values.tolist() == [0.5]


# Memory and cost


def test_a_million_points_in_small_keep_what_a_short_run_keeps(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "MOST", 64)
    training.write(HEADER)
    for begin in range(0, 5000, 250):
        rows = _rows(begin, begin + 250)
        training.write(rows.replace(",1234,3.766", ",1234,nan"))
        training.later(1)
        assert len(training.loss) <= 64
    finite = training.loss.steps[np.isfinite(training.loss.values)]
    assert training.loss.steps[np.isnan(training.loss.values)].tolist() == [1234]
    assert training.loss.steps[-1] == 4999
    assert np.diff(finite[:-1]).max() <= 2 * np.median(np.diff(finite))
    assert len(training.loss) > 32


def test_a_fault_shows_at_the_next_look_however_long_the_run_is(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "MOST", 16)
    training.write(HEADER + _rows(0, 10_000))
    training.later(1)
    training.write("1000,10000,nan\n")
    training.later(1)
    assert math.isnan(training.loss.values[-1])
    training.write("1000,10001,nan\n1000,10002,2.0\n")
    training.later(1)
    assert np.isnan(training.loss.values).sum() == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["metrics.csv", "metrics.jsonl"])
def test_a_million_points_keep_memory_flat_and_cost_constant(training: Training, name: str) -> None:
    piece = 20_000
    seconds: list[float] = []
    if name == "metrics.csv":
        training.write(HEADER, name)
    for begin in range(0, 1_000_000, piece):
        steps = range(begin, begin + piece)
        if name == "metrics.csv":
            text = "".join(f"{at // 1000},{at},{5 + at % 7}.5\n" for at in steps)
        else:
            records = ({"epoch": at // 1000, "step": at, "train_loss": at % 7} for at in steps)
            text = "".join(f"{json.dumps(one)}\n" for one in records)
        training.write(text, name)
        started = time.process_time()
        training.later(1)
        seconds.append(time.process_time() - started)
    assert all(len(one.values) < follow.MOST for one in training.follower._log.columns.values())
    assert len(training.loss) > follow.MOST / 2
    assert set(np.diff(training.loss.steps[:-1]).tolist()) == {256}
    first, last = np.median(seconds[5:15]), np.median(seconds[-10:])
    # Cost that grew with what was read would be five times as much; one machine varies by half.
    assert last < 3 * first


def test_a_trainer_that_saves_its_state_with_each_checkpoint_is_followed_into_the_next(
    training: Training,
) -> None:
    def save(steps: int) -> None:
        history = [{"loss": 5 - at * 1e-3, "step": at} for at in range(1, steps + 1)]
        state = {"global_step": steps, "log_history": history}
        training.write(json.dumps(state), f"checkpoint-{steps}/trainer_state.json", "w")

    save(9)
    assert training.later(0) == "live"
    assert training.loss.steps[-1] == 9
    save(10)
    assert training.later(1) == "live"
    assert training.loss.steps.tolist() == list(range(1, 11))
