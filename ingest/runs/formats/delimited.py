"""Tables: a header row, then one record a line, with commas, semicolons or tabs between cells.

Lightning's metrics.csv, timm's summary.csv, the per-rank files of I-JEPA, MSN and V-JEPA, and
any other. A blank cell is a value that was not logged.
"""

from __future__ import annotations

import csv
from pathlib import PurePath

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.clock import Tick
from ingest.runs.formats.records import Layout, Records
from ingest.runs.formats.standing import SPLIT_NAMES, as_held_out, is_held_out, standing
from ingest.runs.log import MAX_COLUMNS, MAX_NAME, Log, clean, number
from ingest.runs.source import Lines

_DELIMITERS = ",\t;"
_TABLES = (".csv", ".tsv")
_TEXTS = ("", ".txt", ".log", ".out", ".dat")


class DelimitedReader:
    """Reads a table as it grows; see `ingest.runs.source.Reader`.

    A header row in the middle, as a resumed run writes it, replaces the one before.
    """

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._lines = Lines()
        self._records = Records(log, where)
        self._delimiter = ","
        self._header: list[str] = []
        self._layout: Layout | None = None
        self._split: int | None = None
        self._line = 0

    def feed(self, data: bytes) -> None:
        """Read every complete line."""
        for line in self._lines.feed(data):
            self._read(line)
        self._records.flush()

    def close(self) -> None:
        """Read a last line without an end if it has all its cells."""
        rest = self._lines.close()
        if rest.strip() and self._layout is not None:
            if len(cells_of(rest, self._delimiter)) == len(self._header):
                self._read(rest)
            else:
                text = f"the last line ends early: expected {len(self._header)} cells"
                self._log.find("incomplete record", text, self._where)
        self._lines.report(self._log, self._where)
        self._records.close(f"a header row, then as many cells as it has ({len(self._header)})")

    def _read(self, line: str) -> None:
        if not line or line.isspace():
            return
        self._line += 1
        if self._layout is None:
            self._start(line)
            return
        cells = cells_of(line, self._delimiter)
        values = _numbers(line, cells)
        if all(value is None for value in values):
            self._replace_header(line)
        elif len(cells) != len(self._header):
            self._records.skip(self._line)
        else:
            layout = self._layout
            if self._split is not None and is_held_out(cells[self._split]):
                layout = self._records.layout([as_held_out(name) for name in self._header])
            self._records.add(layout, values, self._tick(cells, values))

    def _start(self, line: str) -> None:
        delimiter, cells = header_of(line)
        if cells:
            self._delimiter = delimiter
            self._use(cells)
        else:
            self._records.skip(self._line)

    def _use(self, header: list[str]) -> None:
        self._header = header
        self._layout = self._records.layout(header)
        splits = [at for at, name in enumerate(header) if name.lower() in SPLIT_NAMES]
        self._split = splits[0] if splits else None
        if self._where == "metrics.csv" and "step" in header:
            self._log.logger = "lightning"

    def _replace_header(self, line: str) -> None:
        delimiter, names = header_of(line)
        if {name for name in names if name}.intersection(self._header):
            self._delimiter = delimiter
            self._use(names)

    def _tick(self, cells: list[str], values: list[float | None]) -> Tick:
        assert self._layout is not None
        clocks = self._layout.clocks
        at, epoch_at = clocks.step, clocks.epoch
        return Tick(
            None if at is None else values[at],
            None if epoch_at is None else values[epoch_at],
            clocks.restarts,
            whole=epoch_at is not None and cells[epoch_at].strip().isdigit(),
        )


def header_of(line: str) -> tuple[str, list[str]]:
    """Return the delimiter and the names of a header row; no names when it is none."""
    line = line.lstrip("\ufeff# ")
    delimiter = max(_DELIMITERS, key=line.count)
    cells = [clean(cell) for cell in cells_of(line, delimiter)]
    texts = [cell for cell in cells if cell]
    plain = all(number(cell) is None and "{" not in cell for cell in texts)
    if not texts or not plain or len(cells) > MAX_COLUMNS or max(map(len, cells)) >= MAX_NAME:
        return delimiter, []
    return delimiter, cells


def cells_of(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line; a quote that is never closed ends with the line."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except (csv.Error, StopIteration):
        return []


def _numbers(line: str, cells: list[str]) -> list[float | None]:
    """Return the cells' values, None for a blank or a text."""
    if "_" not in line:
        try:
            return [float(cell) if cell else None for cell in cells]
        except ValueError:
            pass
    return [number(cell) for cell in cells]


def _claims(name: str, head: bytes) -> float:
    suffix = PurePath(name).suffix.lower()
    if b"\0" in head or suffix not in _TABLES + _TEXTS:
        return 0.0
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if line.strip()]
    delimiter, header = header_of(lines[0]) if lines else ("", [])
    known = any(standing(one) != "unknown" for one in header)
    if not header or (suffix in _TEXTS and (len(header) < 2 or not known)):
        return 0.0
    if suffix in _TABLES:
        return 0.95 if known else 0.2
    cells = cells_of(lines[1], delimiter) if len(lines) > 1 else []
    numbers = sum(number(cell) is not None for cell in cells)
    return 0.7 if len(cells) == len(header) and numbers else 0.0


FORMAT = FileFormat("table", "", _claims, DelimitedReader)
