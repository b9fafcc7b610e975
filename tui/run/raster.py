"""Curves, levels and marks as a grid of characters, with what each character belongs to.

Quadrant blocks give two by two dots a character; the second of two curves is drawn with circles,
so that both are told apart without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from kb.run import FloatArray, IntArray
from tui.run.scale import Scale
from tui.run.trace import BoolArray, Columns

QUADRANTS = np.array(list(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"))
"""By the sum of 1 for the upper left dot, 2 upper right, 4 lower left, 8 lower right."""

CIRCLE, BOTH = "○", "●"
BROKEN = "✗"
"""Drawn at the bottom of each column that holds a value which is not finite."""

BAND = "░"
"""Behind a curve, from the least to the greatest value of each column."""

LEVEL, UPRIGHT = "╌", "│"

Glyphs = npt.NDArray[np.str_]


class Ink(IntEnum):
    """What a character of the grid belongs to; the chart gives each its colour."""

    BACK = 0
    FIRST = 1
    SECOND = 2
    LEVEL = 3
    BROKEN = 4
    MARK = 5
    LABEL = 6
    BAND = 7


_FREEDOM = np.zeros(len(Ink), dtype=np.uint8)
_FREEDOM[[Ink.BACK, Ink.LEVEL, Ink.BAND]] = 2, 2, 1
"""How freely a character may be covered by text or a line, by its ink; 0 is not at all."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A picture of characters; both arrays have shape (rows, columns)."""

    glyphs: Glyphs
    inks: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, rows: int, columns: int) -> Grid:
        """Return a grid of spaces."""
        return cls(
            np.full((rows, columns), " ", dtype="<U1"), np.zeros((rows, columns), dtype=np.uint8)
        )

    def write(self, row: int, column: int, text: str, ink: Ink) -> None:
        """Put `text` into the grid, cut at its right edge."""
        rows, columns = self.glyphs.shape
        if not 0 <= row < rows or column >= columns:
            return
        text = text[: columns - column]
        self.glyphs[row, column : column + len(text)] = list(text)
        self.inks[row, column : column + len(text)] = ink

    def free(self, row: int, column: int, width: int) -> int:
        """Return how free `width` characters from here are: 2 each where there is no curve, 1 for
        the band behind it."""
        inks = self.inks[row, column : column + width]
        return int(_FREEDOM[inks].sum())


def first_curve(grid: Grid, columns: Columns, scale: Scale) -> None:
    """Draw a curve with quadrants over the band of its extremes; `columns` has two of them for
    each character."""
    dots = _dots(columns, scale, 2 * grid.glyphs.shape[0])
    band = _band(columns, scale, grid.glyphs.shape[0])
    grid.glyphs[band] = BAND
    grid.inks[band] = Ink.BAND
    codes = (
        dots[0::2, 0::2] + 2 * dots[0::2, 1::2] + 4 * dots[1::2, 0::2] + 8 * dots[1::2, 1::2]
    ).astype(np.intp)
    drawn = codes > 0
    grid.glyphs[drawn] = QUADRANTS[codes[drawn]]
    grid.inks[drawn] = Ink.FIRST


def second_curve(grid: Grid, columns: Columns, scale: Scale) -> None:
    """Draw a curve with circles over another; `columns` has one of them for each character."""
    drawn = _dots(columns, scale, grid.glyphs.shape[0])
    both = drawn & (grid.inks == Ink.FIRST)
    grid.glyphs[drawn] = CIRCLE
    grid.glyphs[both] = BOTH
    grid.inks[drawn] = Ink.SECOND


def broken_columns(grid: Grid, broken: BoolArray) -> None:
    """Mark the columns that hold a value which is not finite, shape (columns,): at the bottom, or
    at the top where a curve is in the way."""
    columns = np.flatnonzero(broken)
    rows = np.where(_FREEDOM[grid.inks[-1, columns]] > 0, grid.glyphs.shape[0] - 1, 0)
    grid.glyphs[rows, columns] = BROKEN
    grid.inks[rows, columns] = Ink.BROKEN


def upright(grid: Grid, column: int, ink: Ink) -> None:
    """Draw an upright line where there is neither curve nor text."""
    free = _FREEDOM[grid.inks[:, column]] > 0
    grid.glyphs[free, column] = UPRIGHT
    grid.inks[free, column] = ink


def row_of(value: float, scale: Scale, rows: int) -> int | None:
    """Return the row in which a value lies, 0 at the top, None outside of the scale."""
    share = float(scale.share(np.array([value]))[0])
    if not 0 <= share <= 1:
        return None
    return min(rows - 1, int((1 - share) * rows))


def levels(grid: Grid, marks: Sequence[tuple[float, str]], scale: Scale) -> None:
    """Draw a broken line with its label for each (value, label), behind the curves.

    Levels in one row share it, their labels side by side. One outside of the scale is named at
    the edge, with an arrow.
    """
    rows, columns = grid.glyphs.shape
    by_row: dict[int, list[str]] = {}
    above, below = [], []
    for value, label in marks:
        row = row_of(value, scale, rows)
        if row is not None:
            by_row.setdefault(row, []).append(label)
        elif value > scale.high:
            above.append(f"↑ {label}")
        else:
            below.append(f"↓ {label}")
    for row in by_row:
        free = _FREEDOM[grid.inks[row]] > 0
        grid.glyphs[row, free] = LEVEL
        grid.inks[row, free] = Ink.LEVEL
    taken: set[int] = set()
    for row, names in sorted(by_row.items()):
        _label(grid, row, f" {' · '.join(names)} ", taken, columns)
    if above:
        _label(grid, 0, f" {'  '.join(above)} ", taken, columns)
    if below:
        _label(grid, rows - 1, f" {'  '.join(below)} ", taken, columns)


_LABEL_STRIDE = 6
"""Columns between the places that are tried for a label, from the right."""


def _label(grid: Grid, row: int, text: str, taken: set[int], columns: int) -> None:
    """Write a label where it hides least: in its row or a neighbouring one, right or left."""
    rows = grid.glyphs.shape[0]
    width = min(len(text), columns)
    places = [
        (abs(near - row), -grid.free(near, column, width), near, column)
        for near in (row, row - 1, row + 1)
        for column in range(max(columns - width - 1, 0), -1, -_LABEL_STRIDE)
        if 0 <= near < rows and near not in taken
    ]
    clear = [one for one in places if -one[1] >= 2 * width]
    if not (clear or places):
        return
    _, _, near, column = min(clear, default=None) or min(places, key=lambda one: one[1])
    taken.add(near)
    grid.write(near, column, text, Ink.LABEL)


def _band(columns: Columns, scale: Scale, rows: int) -> BoolArray:
    """Return which characters lie between the extremes of their column, shape (rows, columns)."""
    bottom = _rows(scale.share(columns.low), rows).reshape(-1, 2)
    top = _rows(scale.share(columns.high), rows).reshape(-1, 2)
    numbers = np.arange(rows)[:, None]
    highest = np.where(top < 0, rows, top).min(axis=1)
    return np.asarray((numbers >= highest) & (numbers <= bottom.max(axis=1)))


def _dots(columns: Columns, scale: Scale, rows: int) -> BoolArray:
    """Return which dots a curve covers, shape (rows, columns), 0 at the top."""
    top = _rows(scale.share(columns.mean), rows)
    bottom = top.copy()
    held = np.flatnonzero(top >= 0)
    for here, there in zip(held[:-1].tolist(), held[1:].tolist(), strict=True):
        if not columns.open[here:there].any():
            _join(top, bottom, here, there)
    numbers = np.arange(rows)[:, None]
    return np.asarray((numbers >= top) & (numbers <= bottom) & (top >= 0))


def _join(top: IntArray, bottom: IntArray, here: int, there: int) -> None:
    """Draw the way from one column to the next that holds values."""
    right = int(top[there])
    # What was bridged on the way here reaches up or down from where the curve is.
    left = int(top[here] if right < top[here] else bottom[here])
    for column in range(here + 1, there):
        row = round(left + (right - left) * (column - here) / (there - here))
        top[column] = bottom[column] = row
    for column in range(here + 1, there + 1):
        # What is left of a jump between neighbours is bridged in the later one.
        if top[column] > bottom[column - 1] + 1:
            top[column] = bottom[column - 1] + 1
        elif bottom[column] < top[column - 1] - 1:
            bottom[column] = top[column - 1] - 1


def _rows(shares: FloatArray, rows: int) -> IntArray:
    """Return rows of shares of the height, -1 for NaN."""
    held = np.where(np.isnan(shares), 0.0, np.clip(shares, 0.0, 1.0))
    found = np.minimum(rows - 1, ((1 - held) * rows).astype(np.int64))
    return np.where(np.isnan(shares), -1, found)
