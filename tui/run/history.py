"""All that a long run logged, for its charts: a followed run keeps a few thousand values.

Read once on a thread and again when the run has grown by half, condensed to what any screen can
show; what was logged since comes from the run that is followed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from ingest import open_run
from ingest.runs.follow import MOST
from kb.run import Run
from tui.run.state import newest_step
from tui.run.trace import Trace

STRETCHES = 8192
"""Stretches kept of each metric: more than twice the columns of any terminal, 450 KB."""

GROWTH = 1.5
"""Growth of the newest step at which everything is read again, so that reading costs a constant
share of writing."""


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """Traces of every metric of a run, up to the step at which it was read."""

    files: tuple[str, ...]
    step: int
    traces: Mapping[str, Trace]


class Read(Protocol):
    """Runs a job on a thread, then hands its outcome over."""

    def __call__(
        self, slot: str, job: Callable[[], Whole], then: Callable[[Whole | Exception], None]
    ) -> None: ...


def read_whole(path: Path) -> Whole:
    """Read a run with all its values; InputUnreadable when there is none."""
    run = open_run(path)
    held = {**run.unknown, **run.series}
    traces = {name: Trace.from_series(one).condensed(STRETCHES) for name, one in held.items()}
    return Whole(run.files, newest_step(run) or 0, traces)


@dataclass(slots=True)
class History:
    """Keeps the whole of the attached run at hand. `changed` is called when more was read."""

    read: Read
    changed: Callable[[], None]
    whole: Whole | None = None
    _path: Path | None = None
    _reading: bool = field(default=False)

    def forget(self) -> None:
        """Drop what was read: another run is attached, or its log began anew."""
        self.whole, self._path, self._reading = None, None, False

    def traces(self, path: Path | None, run: Run | None) -> Mapping[str, Trace]:
        """Return what was read of `run`, and read on where it is worth it."""
        if path is None or run is None:
            return {}
        if path != self._path:
            self.forget()
            self._path = path
        if not self._reading and self._is_short(run):
            self._reading = True
            self.read("history", partial(read_whole, path), partial(self._was_read, path))
        # Of several runs in a folder the newest is read: it may be another than the one followed.
        if self.whole is None or self.whole.files != run.files:
            return {}
        return self.whole.traces

    def _is_short(self, run: Run) -> bool:
        """Tell whether the follower left values out that were not read yet."""
        if max((len(one) for one in run), default=0) < MOST // 2:
            return False
        return self.whole is None or (newest_step(run) or 0) > GROWTH * self.whole.step

    def _was_read(self, path: Path, outcome: Whole | Exception) -> None:
        if path != self._path:
            return
        self._reading = isinstance(outcome, Exception)  # what failed once is not tried again
        if not isinstance(outcome, Exception):
            self.whole = outcome
            self.changed()
