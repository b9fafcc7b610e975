"""A path -> the runs there: which logs each has, and which of them is read.

The newest run is the one whose log was written last. Of several logs of one run the one with
most metrics is read, the others only for their settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ingest.files import printable
from ingest.runs.candidates import Candidate
from ingest.runs.config_files import config_layers
from ingest.runs.log import Log
from ingest.runs.place import Place
from ingest.runs.sample import SAMPLE, head_of, metrics_in
from ingest.runs.settings import Layer
from ingest.runs.source import Source
from ingest.runs.walk import MAX_DEPTH, MAX_FILES
from kb.errors import InputUnreadable
from kb.run import Finding


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A run that can be opened.

    `name` tells it from the others at the given path, `source` is its log as seen from there,
    `path` the same with links resolved, and `updated` is when it was last written, in seconds
    since the epoch. `open(log)` returns what fills a Log.
    """

    name: str
    source: str
    path: Path
    format: str
    logger: str
    updated: float
    open: Callable[[Log], Source]
    findings: tuple[Finding, ...]
    _folder: Path
    _top: Path
    _beside: tuple[Layer, ...]

    def layers(self) -> tuple[list[Layer], list[Finding]]:
        """Return the settings in the run's other logs and in files, the closest first, and a
        finding for each settings file that could not be read."""
        layers, findings = config_layers(self.path, self._folder, self._top)
        return [*self._beside, *layers], findings


def locate(path: Path) -> Located:
    """Return the newest run at a file, a run folder or a folder of runs.

    Raises InputUnreadable when there is none, with what was looked for and what is there.
    """
    place = Place(path)
    with _standing_still(path):
        run = place.newest()
        if run is None:
            raise place.nothing()
        located = _located(place, run)
        runs = place.count()
    findings = list(located.findings)
    if runs > 1:
        text = f"the newest of {runs} runs is read, {located.name}"
        findings.insert(0, Finding("left out", text, printable(path)))
    if place.cut:
        text = f"only {MAX_FILES:,} entries, {MAX_DEPTH} folders deep, were looked at"
        findings.append(Finding("left out", text, printable(path)))
    return replace(located, findings=tuple(findings))


def find_runs(path: Path) -> list[Located]:
    """Return all runs at a path, the newest first; InputUnreadable when there is none."""
    place = Place(path)
    with _standing_still(path):
        found = [_located(place, run) for run in place.all_runs()]
    if not found:
        raise place.nothing()
    return found


@contextmanager
def _standing_still(path: Path) -> Iterator[None]:
    """Turn what happens when files vanish while they are looked at into a clear error."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputUnreadable(
            f"a file went away while it was looked at ({reason})",
            where=printable(path),
            hint="try again in a moment",
        ) from error


def _located(place: Place, run: list[Candidate]) -> Located:
    """Return a run with the log that has most metrics; of equal ones the structured, longer."""
    main, samples = run[0], dict[Candidate, Log]()
    if len(run) > 1:
        samples = {log: _sample(log) for log in run}
        main = max(run, key=lambda log: _richness(log, samples[log]))
    others = [log for log in run if log is not main]
    findings = main.findings
    if others:
        names = ", ".join(printable(place.below(log.path)) for log in others[:4])
        more = ", ..." if len(others) > 4 else ""
        text = f"other logs of this run are read for their settings only: {names}{more}"
        findings += (Finding("left out", text, printable(place.below(main.path))),)
    return Located(
        place.name_of(main),
        place.shown(main.path),
        main.path,
        main.format,
        main.logger,
        max(log.updated for log in run),
        main.open,
        findings,
        main.folder,
        place.config_top(main.folder),
        tuple(Layer(printable(log.path.name), samples[log].settings) for log in others),
    )


def _sample(candidate: Candidate) -> Log:
    """Return what the first part of a log holds; what cannot be read holds nothing."""
    log = Log(candidate.logger)
    try:
        if candidate.form is None:
            candidate.open(log).poll()
        else:
            reader = candidate.form.make(log, printable(candidate.path.name))
            reader.feed(head_of(candidate.path, SAMPLE))
    except InputUnreadable:
        log.clear()
    return log


def _richness(candidate: Candidate, sample: Log) -> tuple[bool, bool, int, float, str]:
    metrics = metrics_in(sample)
    share = max(1.0, candidate.size / SAMPLE)
    return (
        metrics > 0,
        candidate.format != "console text",
        metrics,
        sample.values * share,
        str(candidate.path),
    )
