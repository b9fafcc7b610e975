"""The runs below a folder, for the picker: found on a thread, newest first, filtered as typed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ingest.files import printable
from ingest.runs.locate import find_runs
from kb.errors import InputUnreadable


@dataclass(frozen=True, slots=True)
class FoundRun:
    """One run that can be attached. `age` is the time since its last write, in seconds."""

    path: Path
    name: str
    format: str
    age: float

    def matches(self, words: str) -> bool:
        """Tell whether each of the words typed is in the name, the path or the format."""
        text = f"{self.name} {self.path} {self.format}".lower()
        return all(word in text for word in words.lower().split())


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found below `folder`: the runs, newest first, or the reason why there are none."""

    folder: Path
    runs: tuple[FoundRun, ...]
    reason: str = ""


def look_below(folder: Path, now: float | None = None) -> Looked:
    """Return the runs below a folder; never raises."""
    clock = time.time() if now is None else now
    try:
        located = find_runs(folder)
    except InputUnreadable as error:
        return Looked(folder, (), str(error))
    shared = Counter(parent for one in located for parent in one.path.parents)
    top = folder.resolve()
    runs = tuple(
        FoundRun(
            _own_folder(one.path, top, shared),
            printable(Path(one.name)),
            one.format,
            max(0.0, clock - one.updated),
        )
        for one in located
    )
    return Looked(folder, runs)


def _own_folder(log: Path, top: Path, shared: Counter[Path]) -> Path:
    """Return the highest folder below `top` that holds this run and no other, else the log:
    settings may lie some folders above the log."""
    own = log
    for parent in log.parents:
        if shared[parent] > 1 or not parent.is_relative_to(top):
            break
        own = parent
    return own
