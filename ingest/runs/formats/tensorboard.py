"""TensorBoard event files, read without TensorBoard.

Most records of such a file differ from an earlier one in their time, step and value alone. So
a few are parsed, and the rest are taken by arrays: records of one length whose bytes agree
everywhere else hold the same tag at the same place.

Their CRCs come at the same price. The CRC of a record without what those few bytes add to it
is the same for all records of a tag, so that it also tells the tags apart; a record of which
any bit changed is alone with its own, is parsed like any other, and found to be damaged.
Longer records than `crc32c.LONGEST` are parsed without: they hold no plain scalars.
"""

from __future__ import annotations

import struct
from operator import itemgetter

import numpy as np

from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.crc32c import LONGEST, masked_crc
from ingest.runs.formats.event import Event, read_event
from ingest.runs.formats.event_shape import Rows, Shape
from ingest.runs.formats.points import Points
from ingest.runs.formats.tfrecord import (
    DAMAGED,
    FOOTER,
    HEADER,
    Block,
    Framing,
    starts_with_record,
)
from ingest.runs.formats.wire import WireError
from ingest.runs.log import Log
from kb.run import FindingKind, FloatArray, IntArray

_FEW = 4
"""Records of one length that are not worth arrays, by measurement."""

_NO_COLUMN = -2
_MOST_SHAPES = 12
"""Arrangements of bytes tried on the records of one length; steps of one to four digits make
most of them. The rest is parsed one by one."""


class _Found:
    """Values of one block: their records' numbers, columns, steps and values, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[tuple[IntArray, IntArray, IntArray, FloatArray]] = []
        self.settings: list[tuple[int, str, object]] = []
        self._one_by_one: list[tuple[int, int, int, float]] = []

    def add(self, record: int, column: int, step: int, value: float) -> None:
        self._one_by_one.append((record, column, step, value))

    def in_order(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Return columns, steps and values in the order of the file, each of shape (n,)."""
        alone = self._one_by_one
        whole = np.array([one[:3] for one in alone], dtype=np.int64).reshape(-1, 3).T
        self.pieces.append((whole[0], whole[1], whole[2], np.array([one[3] for one in alone])))
        records, columns, steps = (
            np.concatenate([piece[at] for piece in self.pieces]) for at in range(3)
        )
        values = np.concatenate([piece[3] for piece in self.pieces])
        order = np.argsort(records, kind="stable")
        return columns[order], steps[order], values[order]


class TensorBoardReader:
    """Reads the scalars and settings of an event file; see `ingest.runs.source.Reader`."""

    def __init__(self, log: Log, where: str) -> None:
        self._log = log
        self._where = where
        self._framing = Framing(self._find)
        self._points = Points(log, where)

    def feed(self, data: bytes) -> None:
        """Read every complete record."""
        block = self._framing.feed(data)
        if block is None:
            return
        found = _Found()
        for length in np.unique(block.lengths).tolist():
            records = np.flatnonzero(block.lengths == length)
            if length > LONGEST or len(records) <= _FEW:
                for record in records.tolist():
                    self._read_one(block, record, found)
            else:
                self._read_alike(block, length, records, found)
        for _, name, value in sorted(found.settings, key=itemgetter(0)):
            self._log.set(name, value)
        self._points.add(*found.in_order())

    def close(self) -> None:
        """Note a record whose end never came."""
        waiting = self._framing.waiting()
        if waiting:
            self._find("incomplete record", f"the last record ends early, after {waiting} bytes")

    def _find(self, kind: FindingKind, text: str) -> None:
        self._log.find(kind, text, self._where)

    def _read_alike(self, block: Block, length: int, records: IntArray, found: _Found) -> None:
        """Read records of one length, most of which are expected to be alike."""
        whole = np.frombuffer(block.data, dtype=np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(whole, length + FOOTER)
        rows = windows[block.starts[records]]
        for _ in range(_MOST_SHAPES):
            if not len(records):
                return
            start = int(block.starts[records[0]])
            event = self._read_one(block, int(records[0]), found)
            shape = Shape.of(event, start) if event is not None else None
            records, rows = records[1:], rows[1:]
            if shape is not None:
                alike = shape.fits(rows)
                odd = self._take(block, shape, records[alike], rows[alike], found)
                left = ~alike
                left[np.flatnonzero(alike)[odd]] = True
                records, rows = records[left], rows[left]
        for record in records.tolist():
            self._read_one(block, record, found)

    def _take(
        self, block: Block, shape: Shape, records: IntArray, rows: Rows, found: _Found
    ) -> IntArray:
        """Take the values of rows of one shape; return the numbers of rows that are not of it."""
        constant = shape.constant_crc(rows)
        _, firsts, groups = np.unique(constant, return_index=True, return_inverse=True)
        columns = np.full(len(firsts), _NO_COLUMN, dtype=np.int64)
        for group, first in enumerate(firsts.tolist()):
            columns[group] = self._column_of(block, shape, int(records[first]))
        fixed = np.ones(rows.shape[1] - FOOTER, dtype=np.bool_)
        fixed[shape.varying()] = False
        same = (rows[:, : len(fixed)] == rows[firsts[groups], : len(fixed)])[:, fixed].all(axis=1)
        columns = columns[groups]
        taken = np.flatnonzero(same & (columns != _NO_COLUMN))
        held = rows[taken]
        found.pieces.append((records[taken], columns[taken], shape.steps(held), shape.values(held)))
        odd: IntArray = np.flatnonzero(~same | (columns == _NO_COLUMN))
        return odd

    def _column_of(self, block: Block, shape: Shape, record: int) -> int:
        """Return the column of a record of the given shape, _NO_COLUMN if it is not of it."""
        event = self._parsed(block, record)
        if event is None or Shape.of(event, int(block.starts[record])) != shape:
            return _NO_COLUMN
        return self._points.column(event.scalars[0].tag)

    def _read_one(self, block: Block, record: int, found: _Found) -> Event | None:
        """Take what one record holds; None when it is damaged, which is noted."""
        event = self._parsed(block, record)
        if event is None:
            self._find("unreadable record", DAMAGED)
            return None
        for scalar in event.scalars:
            found.add(record, self._points.column(scalar.tag), event.step, scalar.value)
        found.settings += [(record, name, value) for name, value in event.settings]
        return event

    def _parsed(self, block: Block, record: int) -> Event | None:
        start, length = int(block.starts[record]), int(block.lengths[record])
        end = start + length
        if length <= LONGEST:
            (stored,) = struct.unpack_from("<I", block.data, end)
            if masked_crc(np.frombuffer(block.data, np.uint8, length, start)) != stored:
                return None
        try:
            return read_event(block.data, start, end)
        except WireError:
            return None


def _claims(name: str, head: bytes) -> float:
    named = "tfevents" in name
    if starts_with_record(head):
        return 1.0 if named else 0.8 * (head[HEADER : HEADER + 1] == b"\x09")
    return 0.6 if named else 0.0


FORMAT = FileFormat("TensorBoard events", "tensorboard", _claims, TensorBoardReader)
