"""A screen with a worker thread of its own, for reading and writing the knowledge base."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tui.messages import JobDone
from tui.screen import DoctorScreen
from tui.worker import Worker

T = TypeVar("T")


class JobScreen(DoctorScreen):
    """Runs jobs on its own thread, so that a long ingest delays no answer and no log."""

    def __init__(self) -> None:
        super().__init__()
        self._worker = Worker(self.place, self.post_message)

    def run_job(
        self, slot: str, job: Callable[[], T], then: Callable[[T | Exception], None]
    ) -> None:
        """Run `job` on the thread, then `then` with its result or exception; see `Worker`."""
        self._worker.submit(slot, job, then)

    def on_job_done(self, done: JobDone) -> None:
        """Take the outcome of a job, unless something newer was asked since."""
        done.stop()
        if self._worker.is_newest(done):
            done.then(done.outcome)

    def on_unmount(self) -> None:
        """End the thread."""
        self._worker.close()
