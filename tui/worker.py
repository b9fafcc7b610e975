"""The threads that call the assistant, so that typing and drawing never wait for it.

`engine` answers, `reader` follows a run, `files` looks through folders, and a screen may have a
thread of its own: a long log delays no answer. Each runs the newest job of a slot; an older one
that still waits is dropped, and the outcome of one that was overtaken while it ran is thrown
away. The engine is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, TypeVar

from tui.messages import JobDone

if TYPE_CHECKING:
    from pathlib import Path

    from assistant.answer import Answer
    from assistant.levels import Level
    from assistant.watching import Watcher
    from ingest.runs.follow import Life
    from kb.run import Run
    from kb.types import Scalar

    RunLike = Run | Path | Mapping[str, Scalar | Sequence[float]]

T = TypeVar("T")

LAST_WAIT = 0.2
"""Seconds that leaving waits for a thread; nobody waits for a model that is being loaded."""

_ENGINE = Lock()
"""Held while the assistant works: its open knowledge is not made for two threads."""


class Worker:
    """A thread that runs the newest job of each slot, in the order in which slots were filled.

    `post` takes a message to the thread of the interface; it must be safe to call from here.
    """

    def __init__(self, name: str, post: Callable[[JobDone], object]) -> None:
        self._post = post
        self._waiting: dict[str, tuple[int, Callable[[], object], Callable[..., None]]] = {}
        self._generations: dict[str, int] = {}
        self._ready = Condition()
        self._closed = False
        self._thread = Thread(target=self._work, name=f"ssl-doctor {name}", daemon=True)
        self._started = False

    def submit(
        self, slot: str, job: Callable[[], T], then: Callable[[T | Exception], None]
    ) -> None:
        """Run `job` on the thread, then `then` with its result or exception on the interface's."""
        with self._ready:
            generation = self._generations.get(slot, 0) + 1
            self._generations[slot] = generation
            self._waiting[slot] = (generation, job, then)
            if not self._started:
                self._started = True
                self._thread.start()
            self._ready.notify()

    def drop(self, slot: str) -> None:
        """Forget what waits in `slot` and throw away what runs there."""
        with self._ready:
            self._waiting.pop(slot, None)
            self._generations[slot] = self._generations.get(slot, 0) + 1

    def is_newest(self, done: JobDone) -> bool:
        """Return whether nothing newer was asked in the same slot since."""
        return done.worker is self and self._generations.get(done.slot) == done.generation

    def close(self) -> bool:
        """End the thread; nothing is posted any more. Return whether it is still inside a job."""
        with self._ready:
            self._closed = True
            self._waiting.clear()
            self._ready.notify()
        if self._started:
            self._thread.join(LAST_WAIT)
        return self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._ready:
                while not self._waiting and not self._closed:
                    self._ready.wait()
                if self._closed:
                    return
                slot = next(iter(self._waiting))
                generation, job, then = self._waiting.pop(slot)
            try:
                outcome: object = job()
            except Exception as error:  # shown by the screen, with a way out
                outcome = error
            if not self._closed:
                self._post(JobDone(self, slot, generation, outcome, then))


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a run found; `error` says why there is nothing to read yet.

    `levels` are worked out with a verdict, away from the thread that draws, and None without one.
    """

    watcher: Watcher
    run: Run | None
    life: Life
    answer: Answer | None
    levels: Mapping[str, tuple[Level, ...]] | None = None
    error: Exception | None = None


def with_engine(job: Callable[[], T]) -> T:
    """Run `job` while no other thread uses the assistant."""
    with _ENGINE:
        return job()


def warm(notify: Callable[[str], None]) -> None:
    """Load the engine, the index and the encoder, so that the first answer comes at once."""
    from assistant.engine import query

    with_engine(lambda: query("loss stuck at 4.14", notify=notify))


def answered(
    text: str, run: RunLike | None, k: int, notify: Callable[[str], None] = lambda _: None
) -> Answer:
    """Return the answer to words, with a run where there is one."""
    from assistant.engine import query

    return with_engine(lambda: query(text, run, k, notify=notify))


def diagnosed(run: RunLike, k: int) -> Answer:
    """Return the verdict on a run without words."""
    from assistant.engine import diagnose

    return with_engine(lambda: diagnose(run, k))


def first_look(path: Path, k: int) -> Look:
    """Open a run, or begin to wait for it, and look at it once."""
    from assistant.watching import Watcher
    from ingest.runs.follow import Follower

    return look(Watcher(Follower(path), k, diagnosed))


def look(watcher: Watcher) -> Look:
    """Read what is new; judge it when it is time."""
    from assistant.levels import levels_of

    before = watcher.answer
    for _ in watcher.look():
        pass
    follower = watcher.follower
    run, answer = follower.run, watcher.answer
    levels = levels_of(run) if run is not None and answer is not before else None
    error = follower.problem() if run is None else None
    return Look(watcher, run, follower.life(), answer, levels, error)
