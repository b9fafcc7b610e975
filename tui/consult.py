"""Questions, runs and answers: what the worker threads are asked, and what comes of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tui.messages import AnswerChanged, JobDone, Progress, RunChanged
from tui.session import Session
from tui.worker import Look, Worker, answered, diagnosed, first_look, look, warm

if TYPE_CHECKING:
    from textual.message import Message

    from assistant.answer import Answer
    from assistant.levels import Level
    from assistant.watching import Watcher
    from kb.run import Run
    from kb.types import Scalar

T = TypeVar("T")

K = 5
"""Diagnoses asked for: as many as the command line shows."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One question answered from the words alone, and with the run where there is one."""

    alone: Answer
    whole: Answer


class Consultation:
    """Keeps the session up to date. `post` takes messages from threads, `tell` tells all screens.

    Every method is called on the thread of the interface.
    """

    def __init__(
        self,
        session: Session,
        post: Callable[[Message], object],
        tell: Callable[[Message], None],
    ) -> None:
        self.session = session
        self.progress = ""
        self._post = post
        self._tell = tell
        self._engine = Worker("engine", post)
        self._reader = Worker("reader", post)
        self._files = Worker("files", post)
        self._watcher: Watcher | None = None
        self._looking = False
        self._warm = False

    def start(self) -> None:
        """Load the engine while the first frame is looked at."""
        self._engine.submit("warm", partial(warm, self._notify), self._warmed)

    def close(self) -> bool:
        """Stop both threads; return whether one is still inside a job."""
        return any([self._engine.close(), self._reader.close(), self._files.close()])

    def done(self, done: JobDone) -> None:
        """Hand an outcome to who asked for it, unless something newer was asked since."""
        if any(one.is_newest(done) for one in (self._engine, self._reader, self._files)):
            done.then(done.outcome)

    def read(self, slot: str, job: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Run a job of a screen that reads files, on a thread of its own: looking through a large
        folder must not hold up the run that is followed."""
        self._files.submit(slot, job, then)

    def judge(self, slot: str, job: Callable[[], T], then: Callable[[T | Exception], None]) -> None:
        """Run a job of a screen that asks the assistant."""
        self._engine.submit(slot, job, then)

    def waiting_for(self) -> str:
        """Return what an answer waits for, in words."""
        if self.progress:
            return self.progress
        return "answering …" if self._warm else "loading the knowledge …"

    # Questions

    def ask(self, text: str) -> None:
        """Answer `text`, with the run where one is attached; empty text takes the answer away."""
        session = self.session
        session.query, session.asking = text, bool(text)
        if not text:
            self._engine.drop("ask")
            session.answer = session.alone = session.error = None
            session.moved = ()
        else:
            self._submit(text)
        self._tell(AnswerChanged())

    def _submit(self, text: str, alone: Answer | None = None) -> None:
        job = partial(self._both, text, self._evidence(), alone)
        self._engine.submit("ask", job, self._answered)

    def _evidence(self) -> Run | Mapping[str, Scalar | Sequence[float]] | None:
        return self.session.run if self.session.numbers is None else self.session.numbers

    def _both(
        self,
        text: str,
        run: Run | Mapping[str, Scalar | Sequence[float]] | None,
        alone: Answer | None,
    ) -> Answers:
        alone = alone or answered(text, None, K, self._notify)
        return Answers(alone, alone if run is None else answered(text, run, K, self._notify))

    def _answered(self, outcome: Answers | Exception) -> None:
        session = self.session
        session.asking, self.progress = False, ""
        if isinstance(outcome, Exception):
            session.error, session.answer, session.alone, session.moved = outcome, None, None, ()
        else:
            from assistant.moved import moved

            session.error = None
            session.alone, session.answer = outcome.alone, outcome.whole
            session.moved = moved(outcome.alone, outcome.whole) if session.has_run else ()
        self._tell(AnswerChanged())

    def _again(self) -> None:
        """Answer the same words with what the run says now; what is shown stays until then."""
        session = self.session
        if session.query:
            self._submit(session.query, None if session.asking else session.alone)

    # Runs and numbers

    def use_numbers(self, numbers: Mapping[str, Scalar | Sequence[float]]) -> None:
        """Judge typed numbers like a run, instead of a run."""
        self._forget()
        self.session.numbers = numbers
        self._engine.submit("diagnose", partial(self._of_numbers, numbers), self._judged)
        self._again()
        self._tell(RunChanged())

    def _of_numbers(
        self, numbers: Mapping[str, Scalar | Sequence[float]]
    ) -> tuple[Answer, Mapping[str, tuple[Level, ...]]]:
        from assistant.levels import levels_of
        from assistant.run_input import as_run

        run = as_run(numbers)
        return diagnosed(numbers, K), levels_of(run) if run is not None else {}

    def _judged(self, outcome: tuple[Answer, Mapping[str, tuple[Level, ...]]] | Exception) -> None:
        if isinstance(outcome, Exception):
            self.session.run_error = outcome
        else:
            self.session.run_answer, self.session.levels = outcome
        self._tell(RunChanged())

    def attach(self, path: Path) -> None:
        """Follow the run at `path`, which need not exist yet."""
        self._forget()
        self.session.run_path = path
        self._looking = True
        self._reader.submit("look", partial(first_look, path, K), self._first_seen)
        self._again()
        self._tell(RunChanged())

    def detach(self) -> None:
        """Forget the run or the typed numbers."""
        self._forget()
        self._again()
        self._tell(RunChanged())

    def look(self) -> None:
        """Read what the run wrote since; called four times a second."""
        if self._watcher is not None and not self._looking:
            self._looking = True
            self._reader.submit("look", partial(look, self._watcher), self._seen)

    def _forget(self) -> None:
        session = self.session
        self._watcher, self._looking = None, False
        self._reader.drop("look")
        self._engine.drop("diagnose")
        session.run_path = session.numbers = session.run = session.life = None
        session.run_answer = session.run_error = None
        session.moved, session.levels = (), {}

    def _first_seen(self, outcome: Look | Exception) -> None:
        if isinstance(outcome, Look):
            self._watcher = outcome.watcher
        self._seen(outcome)

    def _seen(self, outcome: Look | Exception) -> None:
        self._looking = False
        session = self.session
        if isinstance(outcome, Exception):
            session.run_error = outcome
            self._tell(RunChanged())
            return
        judged = outcome.answer is not session.run_answer
        changed = (
            judged
            or outcome.run is not session.run
            or session.life is None
            or outcome.life.state != session.life.state
            or str(outcome.error) != str(session.run_error)
        )
        session.run, session.life = outcome.run, outcome.life
        session.run_answer, session.run_error = outcome.answer, outcome.error
        if outcome.levels is not None:
            session.levels = outcome.levels
        if judged:
            self._again()
        if changed:
            self._tell(RunChanged())

    # From threads

    def _notify(self, line: str) -> None:
        self._post(Progress(line))

    def _warmed(self, _outcome: object) -> None:
        # A failure shows again, with its way out, when something is asked.
        self._warm, self.progress = True, ""
        # What was loaded stays until the end; looking through it for garbage would hold up a key
        # for a tenth of a second every now and then.
        gc.freeze()
