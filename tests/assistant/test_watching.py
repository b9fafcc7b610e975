"""Claims: a followed run is judged when something new is there, tells each change once, and takes
a verdict of sick back only when that is confirmed. No test waits: the follower and the clock are
played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pytest
from small_runs import falls, run_of

from assistant import watching
from assistant.engine import diagnose
from assistant.watching import JUDGE_EVERY, Change, Watcher, watch
from ingest.runs.follow import Follower, Life, State
from kb.run import Run, Series

SICK = run_of(loss=[4.2, 4.1, float("nan")])
WELL = run_of({"method": "simclr", "batch_size": 256}, loss=falls(5.5, 3, noise=0.02))
YOUNG = run_of({"method": "simclr"}, loss=[5.5, 5.4])


Look = tuple[Run | None, State]


class Clock:
    """A clock that only goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1e9
        self.worked = 0.0

    def thread_time(self) -> float:
        return self.worked

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Over(Exception):
    """Nothing more was played."""


class Played:
    """A follower that finds what is played to it: one (run, state) for each look."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self.looks = list(looks)
        self.run: Run | None = None
        self.state: State = "waiting"

    def poll(self) -> bool:
        if not self.looks:
            raise Over
        new, self.state = self.looks.pop(0)
        self.run = new or self.run
        return new is not None

    def life(self) -> Life:
        return Life(self.state, 0.0, f"because it is {self.state}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watching, "time", clock)
    return clock


def watcher_of(*looks: Look) -> Watcher:
    return Watcher(cast(Follower, Played(looks)))


def changes(
    clock: Clock, watcher: Watcher, *, until: str = "", interval: float = JUDGE_EVERY
) -> list[Change]:
    """Return the changes up to the first that is `until`, or all of what was played."""
    found: list[Change] = []
    try:
        for change in watch(
            watcher, lambda one: one.what == until, interval=interval, sleep=clock.sleep
        ):
            found.append(change)
    except Over:
        pass
    return found


def whats(found: Sequence[Change]) -> list[str]:
    return [one.what for one in found]


def test_the_first_verdict_is_told_with_its_step_and_answer(clock: Clock) -> None:
    (only,) = changes(clock, watcher_of((SICK, "live")))
    assert only.what == "sick"
    assert only.step == 2
    assert only.when == 1e9
    assert only.answer is not None
    assert only.answer.diagnoses[0].entry.id == "numerics/nan-hunting"


def test_each_verdict_is_told_once_and_each_change(clock: Clock) -> None:
    looks: list[Look] = [
        (YOUNG, "live"),
        (YOUNG, "live"),
        (None, "live"),
        (WELL, "live"),
        (WELL, "live"),
        (SICK, "live"),
    ]
    assert whats(changes(clock, watcher_of(*looks))) == ["undecided", "healthy", "sick"]


def test_another_first_cause_is_a_change_too(clock: Clock) -> None:
    steps = np.arange(50)
    collapsed = Run(
        {"method": "simclr", "dim": 128},
        {"z_std": Series("z_std", falls(0.08, 1e-5, count=50, rate=20), steps)},
    )
    found = changes(clock, watcher_of((SICK, "live"), (collapsed, "live")))
    assert whats(found) == ["sick", "sick"]
    first, second = (one.answer.diagnoses[0].entry.id for one in found if one.answer)
    assert first != second


def test_sick_is_taken_back_only_after_two_judgements(clock: Clock) -> None:
    watcher = watcher_of((SICK, "live"), (WELL, "live"), (SICK, "live"), (WELL, "live"))
    assert whats(changes(clock, watcher)) == ["sick"]
    assert watcher.answer is not None
    assert watcher.answer.verdict == "sick"
    watcher = watcher_of((SICK, "live"), (WELL, "live"), (WELL, "live"))
    assert whats(changes(clock, watcher)) == ["sick", "healthy"]


def test_a_run_is_judged_at_most_every_half_second_and_nothing_is_lost(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[float] = []

    def counted(*given: object) -> object:
        judged.append(clock.now)
        return diagnose(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "diagnose", counted)
    looks: list[Look] = [(WELL, "live") for _ in range(19)]
    looks += [(SICK, "live"), *((None, "live") for _ in range(10))]
    found = changes(clock, watcher_of(*looks), interval=0.05)
    assert whats(found) == ["healthy", "sick"]
    assert 2 <= len(judged) <= 4
    assert min(np.diff(judged)) >= JUDGE_EVERY


@pytest.mark.parametrize(("cost", "pause"), [(0.001, 0.5), (0.04, 0.8), (3.0, 1.5)])
def test_the_dearer_a_judgement_is_the_rarer_but_no_verdict_waits_long(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, cost: float, pause: float
) -> None:
    judged: list[float] = []

    def dear(*given: object) -> object:
        judged.append(clock.now)
        clock.worked += cost
        return diagnose(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(watching, "diagnose", dear)
    looks: list[Look] = [(WELL, "live")] * 80
    changes(clock, watcher_of(*looks), interval=0.05)
    assert np.diff(judged) == pytest.approx([pause] * (len(judged) - 1), abs=0.051)
    assert len(judged) > 2


def test_nothing_new_is_not_judged_again(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = watcher_of((WELL, "live"), (None, "live"), (None, "live"))
    list(watcher.look())
    monkeypatch.setattr(watching, "diagnose", None)
    assert changes(clock, watcher) == []


@pytest.mark.parametrize("end", ["finished", "crashed"])
def test_the_last_values_of_a_run_are_judged_before_its_end_is_told(
    clock: Clock, end: State
) -> None:
    """The run breaks and ends within the half second in which it is not judged again."""
    found = changes(clock, watcher_of((WELL, "live"), (SICK, end)), until=end, interval=0.01)
    assert whats(found) == ["healthy", "sick", end]
    assert found[-1].answer is found[1].answer


def test_at_the_end_of_a_run_a_last_recovery_counts(clock: Clock) -> None:
    found = changes(clock, watcher_of((SICK, "live"), (WELL, "finished")), until="finished")
    assert whats(found) == ["sick", "healthy", "finished"]


def test_the_states_of_a_run_are_told_apart(clock: Clock) -> None:
    looks: list[Look] = [
        (None, "waiting"),
        (None, "waiting"),
        (WELL, "live"),
        (None, "silent"),
        (None, "live"),
        (None, "crashed"),
    ]
    found = changes(clock, watcher_of(*looks), until="crashed")
    assert whats(found) == ["waiting", "healthy", "live", "silent", "live", "crashed"]
    assert found[0].step is None
    assert found[0].answer is None
    assert found[-1].life.why == "because it is crashed"


def test_a_run_that_lives_when_it_is_first_seen_needs_no_line_for_that(clock: Clock) -> None:
    assert whats(changes(clock, watcher_of((WELL, "live")))) == ["healthy"]


def test_until_ends_the_watch_at_once(clock: Clock) -> None:
    watcher = watcher_of((WELL, "live"), (SICK, "live"), (WELL, "live"))
    found = changes(clock, watcher, until="sick")
    assert whats(found) == ["healthy", "sick"]
    assert clock.now == 1e9 + JUDGE_EVERY


def test_the_step_is_the_newest_of_any_metric(clock: Clock) -> None:
    run = Run(
        {},
        {
            "loss": Series("loss", np.array([2.0, np.nan]), np.array([100, 200])),
            "knn_acc": Series("knn_acc", np.array([0.5]), np.array([250])),
            "z_std": Series.from_values("z_std", []),
        },
    )
    (only,) = changes(clock, watcher_of((run, "live")))
    assert only.step == 250


def test_a_clock_that_is_set_back_stops_no_judging(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watcher_of((WELL, "live"), (SICK, "live"))
    assert whats(list(watcher.look())) == ["healthy"]
    clock.sleep(JUDGE_EVERY)
    monkeypatch.setattr(clock, "time", lambda: 0.0)
    assert whats(list(watcher.look())) == ["sick"]


def test_a_watch_is_lazy(clock: Clock) -> None:
    found: Iterator[Change] = watch(watcher_of((WELL, "live")), lambda _: True, sleep=clock.sleep)
    assert next(found).what == "healthy"
