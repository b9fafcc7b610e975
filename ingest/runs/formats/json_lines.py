"""One JSON object a line.

log.txt of DINO, MAE and iBOT, stats.txt of VICReg and Barlow Twins, training_metrics.json of
DINOv2, logs of mmengine, and any other. What stands between such lines is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.clock import Tick
from ingest.runs.formats.records import Records
from ingest.runs.formats.settings_text import command_line
from ingest.runs.formats.standing import (
    SPLIT_NAMES,
    as_held_out,
    is_held_out,
    shows_training,
    standing,
)
from ingest.runs.log import Log, number
from ingest.runs.source import Lines
from kb.run import CONFIG_NAMES
from kb.vocabulary import normalise

MAX_DEPTH = 8
"""Deepest nesting of a record whose numbers are read."""

CONFIG_KEYS = frozenset({"args", "config", "cfg", "hparams", "hyper_parameters", "hyperparameters"})

_DECODER = json.JSONDecoder()
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_REFUSED = frozenset({"config.json", "package.json", "args.json", "hparams.json", "params.json"})


class JsonLinesReader:
    """Reads records line by line as they come; see `ingest.runs.source.Reader`."""

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._lines = Lines()
        self._records = JsonRecords(log, Records(log, where))
        self._line = 0

    def feed(self, data: bytes) -> None:
        """Read every complete line."""
        for line in self._lines.feed(data):
            self._read(line)
        self._records.flush()

    def close(self) -> None:
        """Read a last line without an end if it is a complete object."""
        rest = self._lines.close().strip()
        record = parse(rest)
        if record is not None:
            self._records.add(record)
        elif rest.startswith("{"):
            text = "the last line ends early: expected a whole JSON object"
            self._log.find("incomplete record", text, self._where)
        self._lines.report(self._log, self._where)
        self._records.close()

    def _read(self, line: str) -> None:
        line = line.strip()
        if not line:
            return
        self._line += 1
        record = parse(line)
        if record is not None:
            self._records.add(record)
        elif line.startswith("{"):
            self._records.skip(self._line)
        elif not self._records.begun:
            for name, value in command_line(line).items():
                self._log.set(name, value)


class JsonRecords:
    """Records given as JSON objects -> values and settings of a Log."""

    def __init__(self, log: Log, records: Records) -> None:
        self._log = log
        self._records = records
        self._first = True
        self.begun = False
        """Whether a record with metrics was seen: what comes before may be settings."""

    def add(self, record: Mapping[str, object]) -> None:
        """Read one object: metrics, settings or both."""
        if "train_runtime" in record:  # Hugging Face's summary: its train_loss is a mean over all.
            return
        if not CONFIG_KEYS.isdisjoint(record):
            held = [key for key in record if key in CONFIG_KEYS]
            for key in held:
                self._log.set("" if isinstance(record[key], dict) else key, record[key])
            record = {key: value for key, value in record.items() if key not in held}
        if self._first and is_config(record):
            self._log.set("", record)
        else:
            self._add(record)
        self._first = False

    def _add(self, record: Mapping[str, object]) -> None:
        given = [*record.values()]
        values = [one if type(one) is float else number(one) for one in given]
        if None in values:
            record = dict(_flat(record))
            given = [*record.values()]
            values = [number(one) for one in given]
            if all(value is None for value in values):
                return
        held_out = None in values and any(is_held_out(record.get(name)) for name in SPLIT_NAMES)
        names = map(as_held_out, record) if held_out else record
        layout = self._records.layout(tuple(names))
        clocks = layout.clocks
        at, epoch_at = clocks.step, clocks.epoch
        if held_out and clocks.restarts and epoch_at is not None:
            at = None  # mmcv counts the validation's own batches.
        self.begun = True
        self._records.add(
            layout,
            values,
            Tick(
                None if at is None else values[at],
                None if epoch_at is None else values[epoch_at],
                clocks.restarts,
                whole=epoch_at is not None and is_whole(given[epoch_at]),
            ),
        )

    def skip(self, line: int) -> None:
        """Count a line that looks like an object and is none."""
        self._records.skip(line)

    def flush(self) -> None:
        """Hand what was read to the Log."""
        self._records.flush()

    def close(self) -> None:
        """Flush, and note what could not be read."""
        self._records.close("one whole JSON object")


def parse(text: str) -> dict[str, object] | None:
    """Return the object that `text` is; None for anything else. NaN and Infinity are numbers."""
    if not text.startswith("{") or not text.endswith("}"):
        return None
    if "\\u" in text:  # Half of a surrogate pair cannot be written as UTF-8 again.
        text = _SURROGATE.sub(r"\\ufffd", text)
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and end == len(text) else None


def is_whole(value: object) -> bool:
    """Tell whether a number was written without a point."""
    return isinstance(value, int) or (isinstance(value, str) and "." not in value)


def is_config(record: Mapping[str, object]) -> bool:
    """Tell whether the first record holds settings: no metric in it, no clock, and
    a text or the name of a setting."""
    names = [*record]
    if shows_training(names) or any(standing(name) == "clock" for name in names):
        return False
    return any(
        isinstance(value, str | bool) or value is None or normalise(name) in CONFIG_NAMES
        for name, value in record.items()
    )


def _flat(
    record: Mapping[str, object], above: str = "", depth: int = 0
) -> Iterator[tuple[str, object]]:
    for key, value in record.items():
        name = f"{above}/{key}" if above else key
        if not isinstance(value, dict):
            yield name, value
        elif depth < MAX_DEPTH:
            yield from _flat(value, name, depth + 1)


def _claims(name: str, head: bytes) -> float:
    path = PurePath(name.lower())
    if b"\0" in head or path.name in _REFUSED or "summary" in path.name:
        return 0.0
    lines = [line.strip() for line in head.decode("utf-8", "replace").splitlines()][:200]
    objects = [line for line in lines if line.startswith("{")]
    records = [one for one in map(parse, objects) if one is not None]
    telling = sum(_tells(one) for one in records)
    if not telling or path.suffix in (".md", ".py", ".yaml", ".yml"):
        return 0.0
    share = len(records) / sum(bool(line) for line in lines)
    if path.suffix == ".json" and telling == 1 and len(records) == 1:
        return 0.3
    return 0.9 if share > 0.4 else 0.45


def _tells(record: Mapping[str, object]) -> bool:
    """Tell whether a record holds numbers and a clock, or a known metric."""
    flat = dict(_flat(record))
    names = [name for name, value in flat.items() if number(value) is not None]
    return shows_training(names) or (
        len(names) > 1 and any(standing(name) == "clock" for name in names)
    )


FORMAT = FileFormat("JSON lines", "", _claims, JsonLinesReader)
