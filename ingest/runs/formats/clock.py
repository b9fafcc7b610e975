"""Which numbers of a record count steps or epochs, and which step a record belongs to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from ingest.runs.log import Log
from kb.vocabulary import normalise, vocabulary

Counts = Literal["steps", "steps of an epoch", "epochs"]

_MAX_STEP = 2**62
_WHOLE_RUN = frozenset({"global_step", "trainer_global_step", "num_updates"})
_ALSO_STEPS = frozenset({*_WHOLE_RUN, "it", "batch", "batch_idx"})
_SPLITS = ("train_", "training_", "valid_", "trainer_")
_PREFERRED = ("global_step", "num_updates", "step", "iteration", "iter", "it", "itr")
"""Where a record has several counters: mmengine's `step` counts the run, its `iter` an epoch."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where among the names of a record its clocks stand.

    `step` and `epoch` are positions or None. `restarts` is True when the step may count from 0
    in every epoch; `all` has the positions of every counter, which are no metrics.
    """

    step: int | None
    epoch: int | None
    restarts: bool
    all: frozenset[int]


class Tick(NamedTuple):
    """What the clocks of one record said; None where there was no such clock.

    `restarts`: `number` may count from 0 in every epoch, `per_epoch` of them when known.
    `whole` is False for an epoch written with a point, such as 3.0 or 0.04, and `in_steps`
    is False when `number` counts something else, such as images.
    """

    number: float | None = None
    epoch: float | None = None
    restarts: bool = False
    per_epoch: int = 0
    whole: bool = True
    in_steps: bool = True


@lru_cache(maxsize=4096)
def counts(name: str) -> Counts | None:
    """Return what a logged name counts, or None when it is no clock."""
    plain = normalise(name)
    if plain in _known("epoch"):
        return "epochs"
    for split in _SPLITS:
        plain = plain.removeprefix(split)
    if plain in _WHOLE_RUN:
        return "steps"
    if plain in _known("step") or plain in _ALSO_STEPS:
        return "steps of an epoch"
    return "epochs" if plain in _known("epoch") else None


@cache
def _known(metric: str) -> frozenset[str]:
    return frozenset(map(normalise, vocabulary().metric(metric).aliases))


def find_clocks(names: Sequence[str]) -> Clocks:
    """Return where the clocks stand; `batch` counts only beside an epoch."""
    kinds = [counts(name) for name in names]
    epoch = kinds.index("epochs") if "epochs" in kinds else None
    found = [
        at
        for at, kind in enumerate(kinds)
        if kind is not None
        and (epoch is not None or normalise(names[at]) not in ("batch", "batch_idx"))
    ]
    steps = [at for at in found if kinds[at] != "epochs"]
    step = min(steps, key=lambda at: _preference(names[at]), default=None)
    restarts = step is not None and kinds[step] == "steps of an epoch"
    return Clocks(step, epoch, restarts, frozenset(found))


def _preference(name: str) -> int:
    plain = normalise(name)
    ranks = [rank for rank, one in enumerate(_PREFERRED) if plain.endswith(one)]
    return min(ranks, default=len(_PREFERRED))


class Place(NamedTuple):
    """The step of a record; whether the log counted it in steps; its epoch, if it had one."""

    step: int
    counted: bool
    epoch: float | None


class Clock:
    """Gives each record of one file its step, as far as its clocks tell.

    - a counter of steps is used as it is; one that restarts each epoch is added to the steps
      of the epochs before, whose length the log says or the first complete epoch shows
    - an epoch alone: its number, or the record's number where an epoch has several records
    - an epoch or nothing, in a log that counts steps elsewhere: the last step
    - no clock at all: the record's number, from 0
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._last = -1
        self._epoch: float | None = None
        self._numbered = False
        self._by_epoch: bool | None = None
        self._restarting = _Restarting()

    @property
    def asks_again(self) -> bool:
        """Whether `place` needs to be told of metrics that were logged before."""
        return self._by_epoch is None and not self._numbered

    def place(self, tick: Tick, again: bool) -> Place:
        """Return where a record stands; `again` when it has a metric that was logged before."""
        number, epoch = _finite(tick.number), _finite(tick.epoch)
        if number is not None and self._epoch_in_disguise(number, epoch):
            number, epoch = None, number
        if number is not None:
            step = self._counted(number, epoch, tick)
            self._numbered = True
        elif self._numbered:
            step = self._beside_steps(epoch)
        elif epoch is not None:
            step = self._of_epoch(epoch, tick.whole, again)
        else:
            step = self._last + 1 if self._epoch is None else max(self._last, 0)
        if epoch is not None:
            self._epoch = epoch
        self._last = step = max(-_MAX_STEP, min(_MAX_STEP, step))
        return Place(step, number is not None and tick.in_steps, epoch)

    def _epoch_in_disguise(self, number: float, epoch: float | None) -> bool:
        """mmengine logs a validation's epoch as its `step`, without the epoch of other records."""
        return epoch is None and number == self._epoch and 1 <= number < self._last

    def _counted(self, number: float, epoch: float | None, tick: Tick) -> int:
        if epoch is None or not tick.restarts:
            return int(number)
        if tick.per_epoch > 0:
            return self._restarting.by_size(int(number), int(epoch), tick.per_epoch)
        return self._restarting.by_fall(int(number), int(epoch))

    def _beside_steps(self, epoch: float | None) -> int:
        if epoch is not None:
            text = "records with an epoch alone stand at the last step logged before them"
            self._log.find("mixed clocks", text, self._where, self._last)
        return self._last

    def _of_epoch(self, epoch: float, whole: bool, again: bool) -> int:
        if self._by_epoch is None and not whole:
            self._by_epoch = False
        elif self._by_epoch is None and again:
            self._by_epoch = epoch != self._epoch
        return self._last + 1 if self._by_epoch is False else int(epoch)


class _Restarting:
    """Steps of a counter that starts anew in each epoch."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._epoch = 0
        self._number = -1
        self._highest = 0
        self._size = 0
        self._goes_on = False

    def by_size(self, number: int, epoch: int, size: int) -> int:
        """Return the step where an epoch is known to have `size` steps.

        A log whose first epoch is 1 counts epochs from 1.
        """
        if self._first is None:
            self._first = epoch
        return (epoch - (self._first == 1)) * size + number

    def by_fall(self, number: int, epoch: int) -> int:
        """Return the step where only the numbers tell: one that falls as the epoch rises restarts.

        The first epoch of the log then starts at step 0.
        """
        if self._first is None:
            self._first = self._epoch = epoch
        if epoch > self._epoch and not self._size and not self._goes_on:
            self._goes_on = number > self._number
            self._size = 0 if self._goes_on else self._highest + 1
        self._epoch, self._number = epoch, number
        self._highest = max(self._highest, number)
        if not self._size:
            return number
        # An epoch longer than the first one must not reach into the next.
        self._size = max(self._size, number + 1)
        return (epoch - self._first) * self._size + number


def _finite(value: float | None) -> float | None:
    if value is None or -_MAX_STEP < value < _MAX_STEP:
        return value
    if not math.isfinite(value):
        return None
    return float(_MAX_STEP if value > 0 else -_MAX_STEP)
