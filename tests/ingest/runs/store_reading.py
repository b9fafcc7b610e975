"""Stores of several runs in tests: opening the newest one, and why one cannot be read."""

from __future__ import annotations

from pathlib import Path

from ingest.runs.formats.base import FolderFormat
from ingest.runs.log import Log
from ingest.runs.source import Source
from kb.errors import InputUnreadable


def opened_by(form: FolderFormat, path: Path) -> tuple[Log, Source]:
    """Open the newest run at a path and read what it has."""
    log = Log()
    source = form.runs(path)[0].open(log)
    source.poll()
    return log, source


def refusal_by(form: FolderFormat, path: Path) -> str:
    """Read every run at a path; return why it cannot be read, nothing if it can."""
    try:
        for run in form.runs(path):
            run.open(Log()).poll()
    except InputUnreadable as error:
        return str(error)
    return ""
