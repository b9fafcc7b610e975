"""Records that differ in their time, step and value alone, taken by arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.runs.formats.crc32c import Crcs, contribution, unmasked
from ingest.runs.formats.event import Event, Layout
from ingest.runs.formats.tfrecord import FOOTER
from kb.run import FloatArray, IntArray

Rows = npt.NDArray[np.uint8]
"""Records of one length, one a row; with the CRC of the data behind it where FOOTER is named."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a record with one scalar holds its time, step and value, by distance from its start."""

    wall_time: int
    step: tuple[int, int]
    value: int
    layout: Layout

    @classmethod
    def of(cls, event: Event, start: int) -> Shape | None:
        """Return the shape of an event that starts at `start`; None when it is not that simple."""
        if len(event.scalars) != 1 or event.settings or event.wall_time_at is None:
            return None
        scalar = event.scalars[0]
        if scalar.layout is None:
            return None
        step = (event.step_at[0] - start, event.step_at[1] - start) if event.step_at[1] else (0, 0)
        return cls(event.wall_time_at - start, step, scalar.start - start, scalar.layout)

    def varying(self) -> IntArray:
        """Return the places whose bytes differ between records of one tag, of shape (m,)."""
        size = int(self.layout[2])
        spans = ((self.wall_time, self.wall_time + 8), self.step, (self.value, self.value + size))
        return np.concatenate([np.arange(*span) for span in spans])

    def fits(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Tell which of `rows` (k, n) have a step of just this length."""
        first, end = self.step
        if first == end:
            return np.ones(len(rows), dtype=np.bool_)
        goes_on = rows[:, first:end] >= 0x80
        fits: npt.NDArray[np.bool_] = goes_on[:, :-1].all(axis=1) & ~goes_on[:, -1]
        return fits

    def steps(self, rows: Rows) -> IntArray:
        """Return the steps of `rows` (k, n), of shape (k,)."""
        total = np.zeros(len(rows), dtype=np.uint64)
        for place, column in enumerate(range(*self.step)):
            total |= (rows[:, column].astype(np.uint64) & np.uint64(0x7F)) << np.uint64(7 * place)
        return total.view(np.int64)

    def values(self, rows: Rows) -> FloatArray:
        """Return the values of `rows` (k, n), of shape (k,)."""
        size = int(self.layout[2])
        held = np.ascontiguousarray(rows[:, self.value : self.value + size])
        return held.view(self.layout)[:, 0].astype(np.float64)

    def constant_crc(self, rows: Rows) -> Crcs:
        """Return the CRCs stored in rows (k, n + FOOTER) without what varying bytes add, (k,)."""
        stored = np.ascontiguousarray(rows[:, -FOOTER:]).view("<u4")[:, 0]
        varying = self.varying()
        last = rows.shape[1] - FOOTER - 1
        return unmasked(stored) ^ contribution(rows[:, varying], last - varying)
