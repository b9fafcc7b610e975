"""Reading a text log in tests: fed whole or in pieces, and seen as plain lists."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from ingest.runs.formats.base import FileFormat
from ingest.runs.log import Log
from kb.run import Finding

DATA = Path(__file__).parents[2] / "data" / "runs" / "text"

Points = list[tuple[int, float]]


def read(form: FileFormat, text: str | bytes, where: str = "log") -> Log:
    """Return the Log of a file with this content."""
    return read_pieces(form, [text.encode() if isinstance(text, str) else text], where)


def read_pieces(form: FileFormat, pieces: Iterable[bytes], where: str = "log") -> Log:
    """Return the Log of a file that came in these pieces."""
    log = Log(logger=form.logger)
    reader = form.make(log, where)
    for piece in pieces:
        reader.feed(piece)
    reader.close()
    return log


def read_file(form: FileFormat, name: str) -> Log:
    """Return the Log of a fixture, under the last part of its name."""
    path = DATA / name
    return read(form, path.read_bytes(), path.name)


def points(log: Log, name: str) -> Points:
    """Return (step, value) of each value of a column."""
    column = log.columns[name]
    return list(zip(column.steps, column.values, strict=True))


def content(log: Log) -> tuple[object, ...]:
    """Return all that was read, comparable also where a value is NaN."""
    columns = [(name, list(one.steps), one.values.tobytes()) for name, one in log.columns.items()]
    return columns, repr(log.settings), log.findings, log.logger


def found(log: Log, kind: str) -> list[Finding]:
    """Return the findings of one kind."""
    return [one for one in log.findings if one.kind == kind]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return `data` cut at places, each taken modulo its length."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(edges)]
