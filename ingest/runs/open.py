"""`open_run`: a path, or standard input -> the Run there."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from ingest.files import printable
from ingest.runs.assemble import assemble
from ingest.runs.formats.base import HEAD
from ingest.runs.formats.registry import recognise
from ingest.runs.locate import Located, find_runs, locate
from ingest.runs.log import Log
from ingest.runs.setting_names import GIVEN, typed_name, unknown_setting
from ingest.runs.setting_values import read_value
from ingest.runs.settings import Layer
from ingest.runs.source import CHUNK
from kb.errors import InputUnreadable, UsageError
from kb.run import Run
from kb.types import Scalar

STDIN = "-"
MAX_STDIN = 1 << 28
"""Bytes read from standard input at most: 256 MiB."""


def open_run(
    path: str | os.PathLike[str],
    *,
    names: Mapping[str, str] | None = None,
    settings: Mapping[str, Scalar] | None = None,
) -> Run:
    """Return the run at `path`: a log, a run folder, a folder of runs, or `-` for stdin.

    Of several runs the newest is read, and a finding says so. `names` maps logged names to
    metrics and goes before the vocabulary; `settings` are config values that go before those
    found. Nothing is written.

    Raises InputUnreadable when there is no run, with what was looked for and what is there, and
    UsageError for a metric or a config name that does not exist, or a name that is not logged.
    """
    if os.fspath(path) == STDIN:
        return _from_stream(sys.stdin.buffer, names, settings)
    return read_run(locate(Path(path)), names=names, settings=settings)


def open_runs(path: str | os.PathLike[str]) -> list[Located]:
    """Return all runs at `path`, the newest first; `read_run` opens one."""
    return find_runs(Path(path))


def read_run(
    located: Located,
    *,
    names: Mapping[str, str] | None = None,
    settings: Mapping[str, Scalar] | None = None,
) -> Run:
    """Return a run that was found; names, settings and errors as for `open_run`."""
    given = given_layer(settings or {})
    log = Log(located.logger)
    source = located.open(log)
    source.poll()
    source.close()
    if not log.columns:
        raise InputUnreadable(
            f"no metric values in this log, read as {located.format}",
            where=located.source,
            hint="the run may have only just begun",
        )
    layers, findings = located.layers()
    return assemble(
        log,
        layers=[given, Layer(printable(located.path.name), log.settings), *layers],
        names=names,
        source=located.source,
        format=located.format,
        files=source.files(),
        findings=(*located.findings, *findings),
        updated=located.updated,
    )


def given_layer(settings: Mapping[str, Scalar]) -> Layer:
    """Return settings that a user gave, under their config names; UsageError for unknown ones."""
    values: dict[str, Scalar] = {}
    for name, value in settings.items():
        known = typed_name(name)
        if known is None:
            raise unknown_setting(name)
        if read_value(known, value) is None:
            raise UsageError(f'"{value}" is no {known} that is known', where=GIVEN)
        values[known] = value
    return Layer(GIVEN, values)


def _from_stream(
    stream: BinaryIO, names: Mapping[str, str] | None, settings: Mapping[str, Scalar] | None
) -> Run:
    given = given_layer(settings or {})
    data = stream.read(MAX_STDIN + 1)
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(data)
    if len(data) > MAX_STDIN:
        raise InputUnreadable(
            f"over {MAX_STDIN:,} bytes, expected at most as many",
            where="stdin",
            hint="save it and give the file's path",
        )
    form = recognise("", data[:HEAD])
    if form is None:
        found = "nothing" if not data.strip() else "no log of a format that is known"
        raise InputUnreadable(f"{found}, expected a run log", where="stdin")
    log = Log(form.logger)
    reader = form.make(log, "stdin")
    for start in range(0, len(data), CHUNK):
        reader.feed(data[start : start + CHUNK])
    reader.close()
    if not log.columns:
        raise InputUnreadable(f"no metric values, read as {form.name}", where="stdin")
    layers = [given, Layer("stdin", log.settings)]
    return assemble(log, layers=layers, names=names, source="stdin", format=form.name)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MAX_STDIN + 1)
    except zlib.error as error:
        raise InputUnreadable("damaged gzip data", where="stdin") from error
