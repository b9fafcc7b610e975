"""What the records of a `.wandb` file say: history, configuration, summary, exit."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.runs.formats.json_lines import parse
from ingest.runs.formats.json_numbers import numbers
from ingest.runs.formats.rows import Rows
from ingest.runs.formats.state import CRASHED, FINISHED, STATE
from ingest.runs.formats.wire import (
    WireError,
    bytes_key,
    double,
    double_key,
    fields,
    signed,
    text,
    varint_key,
)
from ingest.runs.log import MAX_COLUMNS, Log, number

_HISTORY, _SUMMARY, _CONFIG = bytes_key(2), bytes_key(3), bytes_key(5)
_RUN, _EXIT = bytes_key(17), bytes_key(18)
_ITEM, _HISTORY_STEP, _STEP_NUMBER = bytes_key(1), bytes_key(2), varint_key(1)
_KEY, _NESTED_KEY, _JSON = bytes_key(1), bytes_key(2), bytes_key(16)
_TYPED_JSON, _INTEGER, _NUMBER = bytes_key(8), varint_key(5), double_key(6)
_STATS, _STATS_ITEM = bytes_key(7), bytes_key(3)
_RUN_CONFIG, _RUN_NAME = bytes_key(4), bytes_key(8)
_EXIT_CODE = varint_key(1)

_STEP = "_step"
_OWN = "_wandb"
"""What W&B keeps about itself: versions, its own run time."""

Item = tuple[str, str | float]
"""A name, its parts joined by dots, and a JSON text or a number."""


class WandbRecords:
    """Fills a Log from records, one at a time."""

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._rows = Rows(log, where)
        self._named: set[str] = set()
        self._summary: dict[str, float] = {}

    def read(self, record: bytes) -> bool:
        """Read one record; False when it is none."""
        try:
            for key, _, start, stop in fields(record, 0, len(record)):
                if key == _HISTORY:
                    self._read_history(record, start, stop)
                elif key in (_CONFIG, _RUN):
                    self._read_settings(record, key, start, stop)
                elif key == _SUMMARY:
                    self._read_summary(record, start, stop)
                elif key == _STATS:
                    self._read_stats(record, start, stop)
                elif key == _EXIT:
                    self._read_exit(record, start, stop)
        except WireError:
            return False
        return True

    def flush(self) -> None:
        """Hand what was read to the Log."""
        self._rows.flush()

    def close(self) -> None:
        """Flush; a number that only the summary holds was the run's at its last step."""
        self._rows.flush()
        for name, value in self._summary.items():
            if name not in self._named:
                self._log.add(name, self._rows.newest, value)

    def _read_history(self, data: bytes, start: int, stop: int) -> None:
        row: dict[str, float] = {}
        step: float | None = None
        for key, _, first, end in fields(data, start, stop):
            if key == _HISTORY_STEP:
                for inner, count, _, _ in fields(data, first, end):
                    step = float(signed(count)) if inner == _STEP_NUMBER else step
            elif key == _ITEM:
                row.update(_numbers(*_item(data, first, end)))
        step = row.pop(_STEP, step)
        if not row:
            return
        self._named.update(row if len(self._named) < MAX_COLUMNS else ())
        self._rows.add(dict(sorted(row.items())), step)

    def _read_settings(self, data: bytes, kind: int, start: int, stop: int) -> None:
        """Read a configuration: of a run, or a later change of it."""
        for key, _, first, end in fields(data, start, stop):
            if kind == _RUN and key == _RUN_CONFIG:
                self._read_settings(data, _CONFIG, first, end)
            elif kind == _RUN and key == _RUN_NAME:
                self._log.set("run.name", text(data, first, end))
            elif kind == _CONFIG and key == _ITEM:
                name, value = _item(data, first, end)
                if name and name.partition(".")[0] != _OWN:
                    self._log.set(name, _from_json(value))

    def _read_summary(self, data: bytes, start: int, stop: int) -> None:
        for key, _, first, end in fields(data, start, stop):
            if key == _ITEM:
                for name, value in _numbers(*_item(data, first, end)):
                    if len(self._summary) < MAX_COLUMNS and not name.startswith("_"):
                        self._summary[name] = value

    def _read_stats(self, data: bytes, start: int, stop: int) -> None:
        """Read what W&B sampled of the GPUs, which has no step but the newest one."""
        for key, _, first, end in fields(data, start, stop):
            if key == _STATS_ITEM:
                for name, value in _numbers(*_item(data, first, end)):
                    if name.startswith("gpu."):
                        self._log.add(f"system.{name}", self._rows.newest, value)

    def _read_exit(self, data: bytes, start: int, stop: int) -> None:
        code = 0
        for key, count, _, _ in fields(data, start, stop):
            code = signed(count) if key == _EXIT_CODE else code
        self._log.set(STATE, CRASHED if code else FINISHED)


def _item(data: bytes, start: int, stop: int) -> Item:
    name, nested = "", []
    value: str | float = ""
    for key, count, first, end in fields(data, start, stop):
        if key == _KEY:
            name = text(data, first, end)
        elif key == _NESTED_KEY:
            nested.append(text(data, first, end))
        elif key in (_JSON, _TYPED_JSON):
            value = text(data, first, end)
        elif key == _INTEGER:
            value = float((count >> 1) ^ -(count & 1))  # zigzag
        elif key == _NUMBER:
            value = double(data, first)
    return name or ".".join(nested), value


def _numbers(name: str, value: str | float) -> Iterator[tuple[str, float]]:
    """Yield the numbers of an item; W&B's own are none."""
    if not name or name.partition(".")[0] == _OWN:
        return
    plain = number(value)
    if plain is not None:  # most values are plain numbers, which need no JSON
        yield name, plain
    else:
        yield from numbers(name, _from_json(value))


def _from_json(value: str | float) -> object:
    """Return what a JSON text holds; None when it is none."""
    if isinstance(value, float):
        return value
    return (parse('{"value": ' + value + "}") or {}).get("value")
