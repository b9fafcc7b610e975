"""The runs below a folder, for the picker: found on a thread, newest first, filtered as typed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ingest.files import printable
from ingest.runs.formats.registry import recognise
from ingest.runs.layout import looks_like_a_log, names_a_run
from ingest.runs.locate import Located, find_runs
from ingest.runs.log import Log
from ingest.runs.sample import head_of
from kb.errors import InputUnreadable

GOES_ON = 3
"""Values of one number from which a text of any name is listed as a run, a choice: notes compare
two."""


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
        located = [one for one in find_runs(folder) if not folder.is_dir() or _logs_values(one)]
    except InputUnreadable as error:
        return Looked(folder, (), str(error))
    if not located:
        return Looked(folder, (), f"no run log below {printable(folder)}: texts and tables alone")
    shared = Counter(parent for one in located for parent in one.path.parents)
    top = folder.resolve()
    runs = tuple(
        FoundRun(
            _own_folder(one, top, shared),
            printable(Path(one.name)),
            one.format,
            max(0.0, clock - one.updated),
        )
        for one in located
    )
    return Looked(folder, runs)


def _logs_values(run: Located) -> bool:
    """Tell whether a text or table that is not called like a log is one: prose, or a screen that
    was kept, names a number once or twice; in a log it goes on. Only its head is read."""
    called_so = {"console text": looks_like_a_log, "table": names_a_run}.get(run.format)
    if called_so is None or called_so(run.path):
        return True
    try:
        head = head_of(run.path)
        form = recognise(run.path.name, head)
        if form is None:
            return False
        log = Log(form.logger)
        form.make(log, run.name).feed(head)
    except InputUnreadable:
        return False
    if form.name == "table":
        return bool(log.columns) or head.count(b"\n") <= 1
    return any(len(set(column.values)) >= GOES_ON for column in log.columns.values())


def _own_folder(run: Located, top: Path, shared: Counter[Path]) -> Path:
    """Return the folder that the run is called after where it holds no other, else its log."""
    folder = top / run.name
    held = run.path.is_relative_to(folder) and folder.is_dir() and folder != top
    return folder if held and shared[folder] == 1 else run.path
