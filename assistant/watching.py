"""A run judged again and again while it is written: what changed, in one line each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from assistant.answer import Answer
from assistant.engine import diagnose
from ingest.runs.follow import Follower, Life, State
from kb.run import Run

JUDGE_EVERY, JUDGE_AT_LEAST_EVERY = 0.5, 1.5
"""Seconds between two judgements, at least and at most."""

JUDGE_SHARE = 0.05
"""What judging may take of a core, between these two: the training needs it more."""

CONFIRMATIONS = 2
"""Judgements in a row that must agree before a verdict of sick is taken back."""

ENDS: frozenset[State] = frozenset({"finished", "crashed"})
"""States after which nothing more is written."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the verdict, of the first cause, or of the run's life.

    `step` is the newest step logged, None when the log has none.
    """

    when: float
    step: int | None
    life: Life
    answer: Answer | None
    what: str


class Watcher:
    """Judges what a Follower reads and tells what changed.

    `judge` is called for a verdict; an interface passes one that waits its turn at the engine.
    """

    def __init__(
        self,
        follower: Follower,
        k: int = 5,
        judge: Callable[[Run, int], Answer] | None = None,
    ) -> None:
        self.follower = follower
        self.answer: Answer | None = None
        self._k = k
        self._judge = judge
        self._told: tuple[str, str] | None = None
        self._state: State | None = None
        self._next = -math.inf
        self._pending = False
        self._doubts = 0

    def look(self) -> Iterator[Change]:
        """Read what is new and yield what changed since the last look."""
        self._pending = self.follower.poll() or self._pending
        now, life = time.time(), self.follower.life()
        change = self._judged(now, life)
        if change is not None:
            yield change
        if life.state != self._state:
            first, self._state = self._state is None, life.state
            if not first or life.state != "live":
                yield Change(now, _newest(self.follower.run), life, self.answer, life.state)

    def _judged(self, now: float, life: Life) -> Change | None:
        """Judge what is new when it is time, or when nothing more will come."""
        ended = life.state in ENDS
        clock = time.monotonic()
        run = self.follower.run
        if run is None or not self._pending or (clock < self._next and not ended):
            return None
        self._pending, begun = False, time.thread_time()
        answer = (self._judge or diagnose)(run, self._k)
        rest = (time.thread_time() - begun) / JUDGE_SHARE
        self._next = clock + min(max(rest, JUDGE_EVERY), JUDGE_AT_LEAST_EVERY)
        first = answer.diagnoses[0].entry.id if answer.diagnoses else ""
        told = (answer.verdict or "undecided", first if answer.verdict == "sick" else "")
        if self._told and self._told[0] == "sick" and told[0] != "sick" and not ended:
            self._doubts += 1
            if self._doubts < CONFIRMATIONS:
                return None
        self._doubts = 0
        self.answer = answer
        if told == self._told:
            return None
        self._told = told
        return Change(now, _newest(run), life, answer, told[0])


def watch(
    watcher: Watcher,
    until: Callable[[Change], bool],
    *,
    interval: float = 0.5,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Change]:
    """Yield changes until one of them satisfies `until`."""
    while True:
        for change in watcher.look():
            yield change
            if until(change):
                return
        sleep(interval)


def _newest(run: Run | None) -> int | None:
    steps = [int(one.steps[-1]) for one in run if len(one)] if run else []
    return max(steps, default=None)
