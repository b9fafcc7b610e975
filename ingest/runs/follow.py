"""A run read while it is written: what is new, whether it lives, and how it ended.

Memory stays flat: each metric keeps at most MOST values, evenly thinned over the whole run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ingest.files import printable
from ingest.runs.assemble import assemble
from ingest.runs.formats.state import CRASHED, FINISHED, STATE
from ingest.runs.locate import Located, locate
from ingest.runs.log import Log
from ingest.runs.open import given_layer
from ingest.runs.settings import Layer
from kb.errors import InputUnreadable
from kb.run import Run
from kb.types import Scalar
from kb.vocabulary import vocabulary

MOST = 4096
"""Values kept of each metric: enough for every reduction, 64 KB."""

SILENT_AFTER = 600.0
"""Seconds without a new value after which a run counts as silent, where nothing else is said."""

_SETTLED = 5.0
"""Seconds without a new value before an error in the log counts as a crash: some are caught, and
the run goes on."""

_FINISHED = 0.98
"""Share of the configured epochs at which a silent run counts as finished: epochs are counted
from 0 by some and from 1 by others."""

State = Literal["waiting", "live", "silent", "finished", "crashed"]


@dataclass(frozen=True, slots=True)
class Life:
    """How a run is doing as a process. `idle` is the time since the last write, in seconds."""

    state: State
    idle: float
    why: str = ""


class Follower:
    """One run, read again at each `poll`. UsageError for a metric or setting that does not exist.

    The path may name a run that does not exist yet: the follower then waits for it. Once it has
    a run it stays with it, also when a newer one starts beside it. `clock` tells the time, in
    seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        *,
        names: Mapping[str, str] | None = None,
        settings: Mapping[str, Scalar] | None = None,
        silent_after: float = SILENT_AFTER,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._names = dict(names or {})
        for metric in self._names.values():
            vocabulary().metric(metric)
        self._given = given_layer(settings or {})
        self._silent_after = silent_after
        self._located: Located | None = None
        self._clock = clock
        self._begun = clock()
        self._grown = self._begun
        self._problem: InputUnreadable | OSError | None = None
        self.run: Run | None = None

    def poll(self) -> bool:
        """Read what was written since the last call; return whether `run` is a new one.

        A file that vanished or cannot be read for a moment is tried again at the next call.
        """
        if self._located is None and not self._attach():
            return False
        try:
            grown = self._source.poll()
        except (InputUnreadable, OSError):
            return False
        if not grown or not self._log.columns:
            return False
        if self.run is not None:
            self._grown = self._clock()
        self.run = self._assembled()
        return True

    def problem(self) -> InputUnreadable | OSError | None:
        """Return why there is no run to read yet, None once there is one."""
        return self._problem if self.run is None else None

    def life(self) -> Life:
        """Return whether the run is being written, has stopped, ended or crashed."""
        now = self._clock()
        if self._located is None or self.run is None:
            return Life("waiting", now - self._begun, "nothing to read yet")
        idle = now - self._grown
        ended = self._log.settings.get(STATE)
        if ended == CRASHED and idle >= min(_SETTLED, self._silent_after):
            return Life("crashed", idle, "the log ends with an error")
        if ended == FINISHED:
            return Life("finished", idle, "the logger noted its end")
        if idle < self._silent_after:
            return Life("live", idle)
        if self._complete():
            return Life("finished", idle, "all epochs are logged")
        return Life("silent", idle, f"nothing written for {idle / 60:.0f} min")

    def _attach(self) -> bool:
        try:
            located = locate(self._path)
            self._log = Log(located.logger, most=MOST)
            self._source = located.open(self._log)
            self._layers, self._findings = located.layers()
        except (InputUnreadable, OSError) as error:
            self._problem = error
            return False
        self._located = located
        # A run that ended long ago is not live because it was read just now.
        self._grown = min(self._clock(), located.updated)
        return True

    def _assembled(self) -> Run:
        located = self._located
        assert located is not None
        return assemble(
            self._log,
            layers=[
                self._given,
                Layer(printable(located.path.name), self._log.settings),
                *self._layers,
            ],
            names=self._names_logged(),
            source=printable(located.path),
            format=located.format,
            files=self._source.files(),
            findings=(*located.findings, *self._findings),
            updated=self._grown,
        )

    def _names_logged(self) -> dict[str, str]:
        """Return what the user named and is in the log: a metric may be logged late."""
        return {name: one for name, one in self._names.items() if name in self._log.columns}

    def _complete(self) -> bool:
        assert self.run is not None
        epochs, logged = self.run.config.get("epochs"), self.run.series.get("epoch")
        if not isinstance(epochs, int | float) or logged is None or not len(logged):
            return False
        return float(logged.values.max()) + 1 >= _FINISHED * epochs
