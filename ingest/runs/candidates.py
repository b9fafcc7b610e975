"""The files of a run folder -> logs that can be opened, and which of them are one run.

Event files of one folder are one log; of the files of several processes rank 0 is read.
Several formats in one run folder are one run that was logged more than once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ingest.files import printable
from ingest.runs import layout
from ingest.runs.formats.base import FileFormat, FolderFormat, FolderRun
from ingest.runs.joined import JoinedSource, LatestSource
from ingest.runs.log import Log
from ingest.runs.source import FileSource, Source
from ingest.runs.walk import Seen
from kb.run import Finding

Order = tuple[float, tuple[tuple[bool, int, str], ...]]

EVENTS = "TensorBoard events"
"""The format of which several files in a folder make one log."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One log: its format, where it is, and how it is opened.

    `folder` is where its settings are looked for first, `start` the folder that the logger made
    for this start of the run, or "". A log in a folder format has a name and no `form`.
    """

    format: str
    logger: str
    path: Path
    folder: Path
    start: str
    updated: float
    size: int
    open: Callable[[Log], Source]
    form: FileFormat | None = None
    name: str = ""
    findings: tuple[Finding, ...] = ()

    def order(self) -> Order:
        """Return a key under which the newest log comes last; of one age, the last by name."""
        return self.updated, layout.counted(self.path)


def of_file(seen: Seen, form: FileFormat, start: str = "") -> Candidate:
    """Return the log that is one file."""
    return Candidate(
        form.name,
        form.logger,
        seen.path,
        seen.path.parent,
        start,
        seen.modified,
        seen.size,
        lambda log: FileSource(seen.path, log, form.make),
        form,
    )


def of_store(run: FolderRun, form: FolderFormat, start: str = "") -> Candidate:
    """Return the log that is one run of a folder format."""
    folder = run.path if run.path.is_dir() else run.path.parent
    return Candidate(
        form.name, form.logger, run.path, folder, start, run.updated, 0, run.open, name=run.name
    )


def runs_of(
    files: Iterable[tuple[Seen, FileFormat]], stored: Iterable[Candidate], top: Path
) -> list[list[Candidate]]:
    """Return the runs in the files of one run folder, newest first, each with all its logs.

    Folders that a logger made for each start are a run each. Logs outside of them belong to
    the newest one, except files of one format side by side: these are a run each too.
    """
    logs = [*_logs(list(files), top), *stored]
    starts: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for log in logs:
        starts[layout.kind_of_start(log.start), log.start].append(log)
    newest, others = _split(starts.pop(("", ""), []))
    for kind in sorted({kind for kind, _ in starts}):
        of_kind = [held for (one, _), held in starts.items() if one == kind]
        of_kind.sort(key=newest_of, reverse=True)
        newest += of_kind[0]
        others += of_kind[1:]
    runs = [newest, *others] if newest else others
    return sorted(runs, key=newest_of, reverse=True)


def newest_of(logs: Sequence[Candidate]) -> Order:
    return max(log.order() for log in logs)


def _logs(files: Sequence[tuple[Seen, FileFormat]], top: Path) -> list[Candidate]:
    """Return the logs that files make."""
    events: dict[Path, list[tuple[Seen, FileFormat]]] = defaultdict(list)
    ranked: dict[str, list[tuple[int, Seen, FileFormat]]] = defaultdict(list)
    found: list[Candidate] = []
    for seen, form in files:
        rank = layout.rank_of(seen.path)
        if form.name == EVENTS:
            events[seen.path.parent].append((seen, form))
        elif rank is not None:
            ranked[rank[0]].append((rank[1], seen, form))
        else:
            found.append(of_file(seen, form, _start(seen, top)))
    found += [_of_events(folder, held, top) for folder, held in events.items()]
    for held in ranked.values():
        if min(rank for rank, _, _ in held) == 0:
            found.append(_of_ranks(held, top))
        else:
            found += [of_file(one, form, _start(one, top)) for _, one, form in held]
    return _last_states(found)


def _start(seen: Seen, top: Path) -> str:
    return layout.home(seen.path.parent, top)[1]


def _of_events(folder: Path, held: Sequence[tuple[Seen, FileFormat]], top: Path) -> Candidate:
    form = held[0][1]
    largest = max((seen for seen, _ in held), key=lambda seen: seen.size)
    return Candidate(
        form.name,
        form.logger,
        largest.path,
        folder,
        layout.home(folder, top)[1],
        max(seen.modified for seen, _ in held),
        sum(seen.size for seen, _ in held),
        lambda log: JoinedSource(partial(_event_files, folder), log, form.make),
        form,
    )


def _event_files(folder: Path) -> list[Path]:
    """Return the event files in a folder, in the order of their start; none if it is gone."""
    try:
        held = [path for path in folder.iterdir() if layout.is_event_file(path.name)]
    except OSError:
        return []
    return sorted((path for path in held if not path.is_symlink()), key=layout.written)


def _of_ranks(held: Sequence[tuple[int, Seen, FileFormat]], top: Path) -> Candidate:
    """Return the log of rank 0, with a finding when there are more processes."""
    _, seen, form = min(held, key=lambda one: (one[0], one[1].path.name))
    log = of_file(seen, form, _start(seen, top))
    if len(held) == 1:
        return log
    text = f"{len(held)} processes have a log each; that of rank 0 is read"
    finding = Finding("several ranks", text, printable(seen.path.name))
    return Candidate(
        log.format,
        log.logger,
        log.path,
        log.folder,
        log.start,
        max(one.modified for _, one, _ in held),
        log.size,
        log.open,
        form,
        findings=(finding,),
    )


def _last_states(logs: Sequence[Candidate]) -> list[Candidate]:
    """Keep the newest of the states that are saved with each checkpoint: it holds the others."""
    states = [log for log in logs if log.path.name == "trainer_state.json"]
    kept = max(states, key=Candidate.order, default=None)
    others = [log for log in logs if log not in states]
    return others if kept is None else [*others, _of_states(kept)]


def _of_states(newest: Candidate) -> Candidate:
    """Return the log that goes on in the state of the next checkpoint."""
    form, folder = newest.form, newest.path.parent
    if form is None or not layout.is_checkpoint(folder.name):
        return newest
    listing = partial(_states, folder.parent, newest.path.name)
    return replace(newest, open=lambda log: LatestSource(listing, log, form.make))


def _states(folder: Path, name: str) -> list[Path]:
    """Return the states of the checkpoints in a folder, the newest last; none if it is gone."""
    try:
        held = [one for one in folder.iterdir() if layout.is_checkpoint(one.name)]
    except OSError:
        return []
    states = [one / name for one in held if not one.is_symlink() and (one / name).is_file()]
    return sorted(states, key=layout.counted)


def _split(logs: Sequence[Candidate]) -> tuple[list[Candidate], list[list[Candidate]]]:
    """Return the logs of the newest run, and those that are a run each."""
    alike: dict[tuple[Path, str], list[Candidate]] = defaultdict(list)
    for log in logs:
        alike[log.folder, log.format].append(log)
    newest: list[Candidate] = []
    others: list[list[Candidate]] = []
    for held in alike.values():
        held.sort(key=Candidate.order)
        if any(layout.names_a_run(log.path) for log in held):
            newest += held
        else:
            newest.append(held[-1])
            others += [[log] for log in held[:-1]]
    return newest, others
