"""What lies at a path that a user named, looked into as far as is asked."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from ingest.files import printable
from ingest.runs import layout
from ingest.runs.candidates import Candidate, newest_of, of_store, runs_of
from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.registry import folder_formats, recognise
from ingest.runs.sample import head_of
from ingest.runs.walk import Seen, Walk, walk
from kb.errors import InputUnreadable

MAX_HEADS = 5_000
"""Files whose first bytes are looked at, a choice: 1,000 runs with five texts each."""

LOOKED_FOR = (
    "metrics.csv, *.csv, *.jsonl, log.txt, *.log, events.out.tfevents.*, *.wandb, "
    "trainer_state.json, an MLflow or Trackio store"
)


@dataclass(slots=True)
class _Home:
    """A run folder: files in it that may be logs, and runs that a logger stored there."""

    files: list[Seen] = field(default_factory=list)
    stored: list[Candidate] = field(default_factory=list)

    def latest(self) -> float:
        """Return when the newest of them was written: no run here is newer."""
        return max([seen.modified for seen in self.files] + [log.updated for log in self.stored])


class Place:
    """A file or a folder with runs. InputUnreadable when there is nothing of that name."""

    def __init__(self, path: Path) -> None:
        self._given = path
        try:
            state = path.stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputUnreadable(reason, where=printable(path)) from error
        self._is_folder = stat.S_ISDIR(state.st_mode)
        if not self._is_folder and not stat.S_ISREG(state.st_mode):
            hint = "expected a log or a run folder"
            raise InputUnreadable("no regular file", where=printable(path), hint=hint)
        self._top = Path(os.path.realpath(path if self._is_folder else path.parent))
        self._walk = walk(path) if self._is_folder else _alone(path, state)
        self._refused: list[InputUnreadable] = []
        self._heads = 0
        self._opened: dict[Path, list[list[Candidate]]] = {}
        self._homes: dict[Path, _Home] = defaultdict(_Home)
        for seen in self._walk.files:
            self._homes[layout.home(seen.path.parent, self._top)[0]].files.append(seen)
        for store in self._walk.stores:
            self._open_store(store)

    def _open_store(self, store: Path) -> None:
        for form in folder_formats():
            try:
                runs = form.runs(store)
            except InputUnreadable as error:
                self._refused.append(error)
                continue
            for run in runs:
                if run.path.is_dir():
                    home, start = layout.home(run.path, self._top)
                else:  # the runs of a database share nothing but its file
                    home, start = run.path / run.name, ""
                self._homes[home].stored.append(of_store(run, form, start))

    def newest(self) -> list[Candidate] | None:
        """Return the logs of the newest run, looking into no more folders than that takes."""
        best: list[Candidate] | None = None
        for home in sorted(self._homes, key=self._age, reverse=True):
            if best is not None and self._homes[home].latest() < newest_of(best)[0]:
                break
            for run in self._runs_in(home)[:1]:
                if best is None or newest_of(run) > newest_of(best):
                    best = run
        return best

    def _age(self, home: Path) -> tuple[float, object]:
        return self._homes[home].latest(), layout.counted(home)

    def all_runs(self) -> list[list[Candidate]]:
        """Return the logs of every run, the newest run first."""
        found = [run for home in self._homes for run in self._runs_in(home)]
        return sorted(found, key=newest_of, reverse=True)

    def count(self) -> int:
        """Return how many runs there are; folders not looked into count by their files' names."""
        return sum(
            len(self._opened[home]) if home in self._opened else self._guess(home)
            for home in self._homes
        )

    def _guess(self, home: Path) -> int:
        held = self._homes[home]
        starts = {log.start for log in held.stored} | {
            layout.home(seen.path.parent, self._top)[1]
            for seen in held.files
            if layout.looks_like_a_log(seen.path)
        }
        return len(starts - {""}) or len(starts)

    def _runs_in(self, home: Path) -> list[list[Candidate]]:
        if home not in self._opened:
            held = self._homes[home]
            recognised = [
                (seen, form)
                for seen in sorted(held.files, key=lambda one: one.path)
                if (form := self._form(seen)) is not None
            ]
            self._opened[home] = runs_of(recognised, held.stored, self._top)
        return self._opened[home]

    def _form(self, seen: Seen) -> FileFormat | None:
        """Return the format of a file, from its name and first bytes."""
        self._heads += 1
        if seen.size == 0 or self._heads > MAX_HEADS:
            return None
        try:
            return recognise(seen.path.name, head_of(seen.path))
        except InputUnreadable as error:
            self._refused.append(error)
            return None

    @property
    def cut(self) -> bool:
        """Whether there is more than was looked at."""
        return self._walk.cut

    def shown(self, path: Path) -> str:
        """Return a path here as the user would write it."""
        folder = self._given if self._is_folder else self._given.parent
        return printable(folder / self.below(path))

    def below(self, path: Path) -> Path:
        """Return a path as seen from the given folder."""
        return path.relative_to(self._top) if path.is_relative_to(self._top) else path

    def name_of(self, log: Candidate) -> str:
        """Return what tells a run from the others here: its folder, or its file or name."""
        if log.form is None and not log.path.is_dir():
            return printable(log.name)
        home = layout.home(log.folder, self._top)[0]
        alone = len(self._runs_in(home)) == 1
        shown = log.folder if log.start else home
        if not self._is_folder or (not alone and not log.start):
            shown = log.path
        if shown == self._top:
            return printable(log.path.name if self.count() > 1 else self._top.name)
        return printable(self.below(shown))

    def config_top(self, folder: Path) -> Path:
        """Return the uppermost folder in which settings of a log in `folder` are looked for."""
        return layout.above(self._top) if folder.is_relative_to(self._top) else folder

    def nothing(self) -> InputUnreadable:
        """Return the error for a place without runs."""
        where = printable(self._given)
        if self._refused and not self._is_folder:
            return self._refused[0]
        if self._is_folder:
            found = f"no run log in this folder: found {self._walk.told()}"
        elif self._walk.files and self._walk.files[0].size == 0:
            found = "an empty file, expected a run log"
        else:
            found = "no log of a format that is known"
        why = f" ({self._refused[0]})" if self._refused else ""
        return InputUnreadable(found + why, where=where, hint=f"looked for {LOOKED_FOR}")


def _alone(path: Path, state: os.stat_result) -> Walk:
    """Return a file that was named itself."""
    real = Path(os.path.realpath(path))
    if path.suffix.lower() in layout.DATABASES:
        return Walk(stores=[real])
    return Walk(files=[Seen(real, state.st_size, state.st_mtime)])
