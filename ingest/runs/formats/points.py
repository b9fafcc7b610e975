"""Values that each come with a column and a step of their own -> columns of a Log."""

from __future__ import annotations

from operator import itemgetter

import numpy as np

from ingest.runs.log import MAX_COLUMNS, Log
from kb.run import FloatArray, IntArray

STEP = "step"
LEFT_OUT = -1
"""Number of the column of what is not kept."""


class Points:
    """Fills columns, and beside them the column `step` with each step of the run once.

    - a column whose steps are all 0 was logged without any: its values are numbered
    - a step below the newest one of its own column is a finding: the run went back. Below
      that of another column it is none, since columns may be written one after another
    - a step that was logged twice in one column is a finding
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._last: dict[int, int] = {}
        self._unnumbered: dict[int, int] = {}
        self._now: int | None = None

    def column(self, name: str) -> int:
        """Return the number of a column; LEFT_OUT when it has none."""
        number = self._numbers.get(name)
        if number is not None:
            return number
        if name == STEP:
            return LEFT_OUT
        if len(self._names) >= MAX_COLUMNS:
            text = f"more than {MAX_COLUMNS} metrics; the rest is left out"
            self._log.find("left out", text)
            return LEFT_OUT
        self._names.append(name)
        self._unnumbered[len(self._names) - 1] = 0
        return self._numbers.setdefault(name, len(self._names) - 1)

    def add(self, columns: IntArray, steps: IntArray, values: FloatArray) -> None:
        """Take values in the order of the log, with column numbers and steps, all of shape (n,)."""
        kept = columns != LEFT_OUT
        columns, steps, values = columns[kept], steps[kept], values[kept]
        order = np.argsort(columns, kind="stable")
        _, begins = np.unique(columns[order], return_index=True)
        pieces = [piece for piece in np.split(order, begins[1:]) if len(piece)]
        pieces.sort(key=itemgetter(0))
        numbers = [int(columns[piece[0]]) for piece in pieces]
        for number, piece in zip(numbers, pieces, strict=True):
            if number in self._unnumbered:
                steps[piece] = self._numbered(number, steps[piece])
        self._look_back(numbers, pieces, steps)
        self._tell_time(columns, steps)
        for number, piece in zip(numbers, pieces, strict=True):
            self._last[number] = int(steps[piece[-1]])
            self._log.extend(self._names[number], steps[piece], values[piece])

    def _numbered(self, number: int, steps: IntArray) -> IntArray:
        """Count the values of a column while all of its steps are 0."""
        before = self._unnumbered[number]
        zeros = int(np.argmax(steps != 0)) if np.any(steps) else len(steps)
        if zeros < len(steps):
            del self._unnumbered[number]
        else:
            self._unnumbered[number] = before + zeros
        return np.concatenate([before + np.arange(zeros), steps[zeros:]])

    def _look_back(self, numbers: list[int], pieces: list[IntArray], steps: IntArray) -> None:
        """Find the first value whose step its column had passed, and the first it had reached."""
        back: list[tuple[int, int, int]] = []
        again: list[tuple[int, int, int]] = []
        for number, piece in zip(numbers, pieces, strict=True):
            own = steps[piece]
            moves = np.diff(own, prepend=self._last.get(number, int(own[0]) - 1))
            for found, at in ((back, moves < 0), (again, moves == 0)):
                if at.any():
                    first = int(np.argmax(at))
                    found.append((int(piece[first]), number, int(moves[first])))
        if back:
            at, _, move = min(back)
            step = int(steps[at])
            text = f"the step went back from {step - move} to {step}"
            self._log.find("step went back", text, self._where, step)
        if again:
            at, number, _ = min(again)
            step = int(steps[at])
            text = f"{self._names[number]} was logged again at step {step}"
            self._log.find("step repeated", text, self._where, step)

    def _tell_time(self, columns: IntArray, steps: IntArray) -> None:
        """Let the column `step` go on with the run, and back where a column goes back."""
        if not len(steps):
            return
        now = self._now
        if np.all(steps[1:] >= steps[:-1]) and (now is None or steps[0] >= now):
            fresh = steps[np.append(now != int(steps[0]), steps[1:] > steps[:-1])]
        else:
            fresh = np.array(self._one_by_one(columns, steps), dtype=np.int64)
        if len(fresh):
            self._now = int(fresh[-1])
            self._log.extend(STEP, fresh, fresh.astype(np.float64))

    def _one_by_one(self, columns: IntArray, steps: IntArray) -> list[int]:
        fresh: list[int] = []
        now, last = self._now, self._last.copy()
        for column, step in zip(columns.tolist(), steps.tolist(), strict=True):
            if now is None or step > now or (step < now and step < last.get(column, step)):
                fresh.append(step)
                now = step
            last[column] = step
        return fresh
