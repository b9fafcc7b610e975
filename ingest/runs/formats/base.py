"""What a format module offers: how its files are recognised, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.runs.log import Log
from ingest.runs.source import MakeReader, Source

HEAD = 64 * 1024
"""Bytes of a file that a format may look at to recognise it."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format that lives in one growing file.

    `claims(file name, first bytes)` returns how surely the file is of this format, 0 to 1; the
    surest format reads it. `logger` is what the vocabulary knows the writer by.
    """

    name: str
    logger: str
    claims: Callable[[str, bytes], float]
    make: MakeReader


@dataclass(frozen=True, slots=True)
class FolderFormat:
    """A format that is a database or a folder of many files.

    `runs(path)` returns the runs found at a file or folder, newest first, each with what opens
    it; an empty list when the path is nothing of this format's.
    """

    name: str
    logger: str
    runs: Callable[[Path], list[FolderRun]]


@dataclass(frozen=True, slots=True)
class FolderRun:
    """One run inside a folder format: its name, when it was last written, and how to open it."""

    name: str
    path: Path
    updated: float
    open: Callable[[Log], Source]
