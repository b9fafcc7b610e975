"""What the fuzzer does with an input: reads it as its format, and checks what came out."""

from __future__ import annotations

import json
import random
import re
import shutil
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.fuzz_seeds import Bundle
from ingest.runs.assemble import assemble
from ingest.runs.formats.base import HEAD, FileFormat, FolderFormat
from ingest.runs.formats.registry import file_formats, folder_formats, recognise
from ingest.runs.log import MAX_NAME, MAX_TEXT, Log
from ingest.runs.open import open_run
from kb.errors import InputUnreadable, SslDoctorError
from kb.run import Run

SETTINGS = "settings"
"""Files with settings, which are no format of their own: read beside a log."""

_FOLLOWED = 64
_MAX_RUNS = 3


class Broken(AssertionError):
    """What was read is not what a Log promises."""


@cache
def formats() -> dict[str, FileFormat | FolderFormat | None]:
    """Return all formats by the name under which the fuzzer knows them."""
    known: list[FileFormat | FolderFormat] = [*file_formats(), *folder_formats()]
    return {_slug(form.name): form for form in known} | {SETTINGS: None}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("&", "and"))


def exercise(form_name: str, bundle: Bundle, scratch: Path) -> None:
    """Read an input; anything but a SslDoctorError that leaves a reader is a defect.

    How it is read (in how many pieces, followed or not, through `open_run` or not) follows from
    its bytes alone, so that a saved input does the same again.
    """
    key = zlib.crc32(b"\0".join(bundle[name] for name in sorted(bundle)))
    form = formats()[form_name]
    if isinstance(form, FileFormat):
        (name,) = bundle
        _read_file(form, name, bundle[name], random.Random(key))
    elif form is not None:
        _read_folder(form, _written(bundle, scratch))
    if form is None or key % 16 == 0:
        _open(_written(bundle, scratch))


def _read_file(form: FileFormat, name: str, data: bytes, rng: random.Random) -> None:
    recognise(name, data[:HEAD])
    followed = rng.random() < 0.2
    pieces = _read(form, name, _pieces(data, rng), _FOLLOWED if followed else None)
    check_log(pieces)
    if not followed and rng.random() < 0.5:
        _compare(pieces, _read(form, name, [data], None))
    if rng.random() < 0.25:
        check_run(assemble(pieces, source=name))


def _read(form: FileFormat, name: str, pieces: list[bytes], most: int | None) -> Log:
    log = Log(form.logger, most=most)
    reader = form.make(log, name)
    for piece in pieces:
        reader.feed(piece)
    reader.close()
    return log


def _pieces(data: bytes, rng: random.Random) -> list[bytes]:
    edges = sorted(rng.randint(0, len(data)) for _ in range(rng.choice((0, 1, 2, 5))))
    return [data[a:b] for a, b in zip([0, *edges], [*edges, len(data)], strict=True)]


def _read_folder(form: FolderFormat, folder: Path) -> None:
    try:
        runs = form.runs(folder)
    except InputUnreadable:
        return
    for run in runs[:_MAX_RUNS]:
        _text(run.name, 4 * MAX_TEXT)
        log = Log(form.logger)
        try:
            source = run.open(log)
            source.poll()
            source.poll()
            source.close()
        except InputUnreadable:
            continue
        check_log(log)
        check_run(assemble(log, source=run.name, files=source.files()))


def _open(folder: Path) -> None:
    try:
        run = open_run(folder)
    except SslDoctorError as error:
        _text(str(error), 4096)
    else:
        check_run(run)


def _written(bundle: Bundle, scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    for name, content in bundle.items():
        path = scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return scratch


def check_log(log: Log) -> None:
    """Raise Broken where a Log does not hold what it promises."""
    for name, column in log.columns.items():
        _text(name, MAX_NAME)
        _require(len(column.steps) == len(column.values), "steps and values differ in number")
        _require(log.most is None or len(column.values) <= log.most, "a column is not bounded")
    for name, value in log.settings.items():
        _text(name, MAX_NAME)
        _text(str(value), MAX_TEXT)
    for finding in log.findings:
        _text(finding.text, MAX_TEXT)


def check_run(run: Run) -> None:
    """Raise Broken where a Run cannot be shown or is not consistent."""
    for series in (*run.series.values(), *run.unknown.values()):
        _require(series.values.shape == series.steps.shape, "steps and values differ in number")
        _require(series.values.dtype == np.float64, "values are no doubles")
    json.dumps(run.to_dict(), ensure_ascii=False).encode("utf-8")


def _compare(pieces: Log, whole: Log) -> None:
    for name, said in _content(whole):
        _require(dict(_content(pieces)).get(name) == said, f"{name} depends on the pieces")


def _content(log: Log) -> Iterator[tuple[str, object]]:
    yield "names", list(log.columns)
    yield "steps", [list(one.steps) for one in log.columns.values()]
    yield "values", [one.values.tobytes() for one in log.columns.values()]
    yield "settings", repr(log.settings)
    yield "findings", sorted((one.kind, one.text, str(one.step)) for one in log.findings)


def _text(text: str, most: int) -> None:
    _require(len(text) <= most, "a text is not bounded")
    _require(not re.search(r"[\x00-\x1f\x7f-\x9f]", text), "a text has control characters")
    text.encode("utf-8")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise Broken(problem)
