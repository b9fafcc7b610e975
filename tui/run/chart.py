"""The chart widget: a metric over steps, with the levels it is read against."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.plain import shown_line
from tui.run.picture import GUTTER, Chart, Painter, Picture, Reading, said, spread
from tui.run.raster import Ink
from tui.run.scale import number

_INKS: dict[Ink, str] = {
    Ink.BACK: "chart--back",
    Ink.FIRST: "chart--first",
    Ink.SECOND: "chart--second",
    Ink.LEVEL: "chart--level",
    Ink.BROKEN: "chart--broken",
    Ink.MARK: "chart--mark",
    Ink.LABEL: "chart--label",
    Ink.BAND: "chart--band",
}
_TITLE, _VALUE, _AXIS = "chart--title", "chart--value", "chart--axis"


class ChartView(Widget):
    """Shows one Chart; redraws only what changed. The first row is its title and newest value."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*_INKS.values(), _TITLE, _VALUE, _AXIS}
    DEFAULT_CSS = """
    ChartView { height: 8; }
    ChartView .chart--title { text-style: bold; color: $foreground; }
    ChartView .chart--value { color: $foreground; }
    ChartView .chart--axis { color: $text-muted; }
    ChartView .chart--back { color: $text-muted; }
    ChartView .chart--first { color: $primary; }
    ChartView .chart--band { color: $primary 70%; }
    ChartView .chart--second { color: $warning; }
    ChartView .chart--level { color: $text-muted; }
    ChartView .chart--label { color: $text-accent; }
    ChartView .chart--broken { color: $text-error; text-style: bold; }
    ChartView .chart--mark { color: $text-warning; }
    ChartView.-chosen .chart--title { text-style: bold reverse; color: $primary; }
    """

    class Pointed(Message):
        """The cursor was put on a step with the mouse."""

        def __init__(self, step: float) -> None:
            super().__init__()
            self.step = step

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._painter: Painter | None = None
        self._cursor: float | None = None
        self._log: bool | None = None
        self._strips: tuple[object, list[Strip]] | None = None
        self._styles: dict[str, RichStyle] = {}

    @property
    def chart(self) -> Chart | None:
        """Return what is shown."""
        return self._painter.chart if self._painter else None

    @property
    def is_log(self) -> bool:
        """Return whether the scale is logarithmic: as the user chose, or as the values need."""
        if self._painter is None:
            return False
        wanted = self._painter.chart.by_default_log if self._log is None else self._log
        return self._painter.scale(wanted).log

    def show(self, chart: Chart) -> None:
        """Show a chart. A chosen scale stays while the metric does."""
        if self.chart is None or self.chart.metric != chart.metric:
            self._log = None
        self._painter = Painter(chart)
        self._redraw()

    def point(self, step: float | None) -> None:
        """Put the cursor on a step, or take it away."""
        if step != self._cursor:
            self._cursor = step
            self._redraw()

    def choose(self, chosen: bool) -> None:
        """Show whether keys act on this chart."""
        if chosen != self.has_class("-chosen"):
            self.set_class(chosen, "-chosen")
            self._redraw()

    def switch_scale(self) -> bool:
        """Change between linear and logarithmic; return whether the values allow it."""
        before = self.is_log
        self._log = not before
        self._redraw()
        return self.is_log != before

    def reading(self) -> str:
        """Return the metric with its value at the cursor, or its newest, as plain text."""
        first = self._reading(0) if self._painter is not None else None
        return f"{shown_line(self.chart.metric)} {said(first)}" if first and self.chart else ""

    @property
    def plot_width(self) -> int:
        """Return the columns of the plot itself."""
        return max(1, self.size.width - GUTTER)

    def next_step(self, columns: int) -> float | None:
        """Return the step `columns` to the right of the cursor, at first the newest one."""
        if self._painter is None:
            return None
        if self._cursor is None:
            return self._painter.chart.end
        here = self._painter.column_of(self._cursor, self.plot_width)
        there = min(self.plot_width - 1, max(0, here + columns))
        return self._painter.step_of(there, self.plot_width)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the cursor where the plot is clicked."""
        column = event.x - GUTTER
        if self._painter is not None and 0 <= column < self.plot_width:
            self.post_message(self.Pointed(self._painter.step_of(column, self.plot_width)))

    def _redraw(self) -> None:
        """Draw anew, and send only the rows that changed: most of a curve stays from look to look.

        What is not on the screen is drawn when it comes there.
        """
        before, self._strips = self._strips, None
        key = self._key()
        if before is None or before[0] != key or not self.is_on_screen:
            self.refresh()
            return
        lines = self._lines()
        self._strips = (key, lines)
        width = self.size.width
        changed = [
            Region(0, row, width, 1)
            for row, (old, new) in enumerate(zip_longest(before[1], lines))
            if old != new
        ]
        if changed:
            self.refresh(*changed)

    def _key(self) -> object:
        return self.size, self.visual_style

    def notify_style_update(self) -> None:
        """Take new colours with a new theme."""
        super().notify_style_update()
        self._strips = None

    def render_line(self, y: int) -> Strip:
        """Return one row; all rows are drawn at once and kept until something changes."""
        key = self._key()
        if self._strips is None or self._strips[0] != key:
            self._strips = (key, self._lines())
        lines = self._strips[1]
        return lines[y] if y < len(lines) else Strip.blank(self.size.width, self.rich_style)

    def _lines(self) -> list[Strip]:
        self._styles = {}  # looking one up costs more than drawing a row
        width, height = self.size
        if self._painter is None or width <= GUTTER or height < 3:
            return []
        picture = self._painter.paint(
            height - 2, self.plot_width, log=self.is_log, cursor=self._cursor
        )
        title = self._segments(_fitting(self._title(self._painter.chart), width))
        axis = Segment(" " * (GUTTER - 1) + picture.axis, self._style(_AXIS))
        lines = [title, *(self._row(picture, row) for row in range(height - 2)), [axis]]
        return [Strip(line).adjust_cell_length(width, self.rich_style) for line in lines]

    def _row(self, picture: Picture, row: int) -> list[Segment]:
        """Return a row of the plot, one segment for each stretch of one ink."""
        label = picture.numbers.get(row, "")
        joint = "┤" if label else "│"
        segments = [Segment(f"{label:>{GUTTER - 1}}{joint}", self._style(_AXIS))]
        glyphs = "".join(picture.grid.glyphs[row].tolist())
        inks = picture.grid.inks[row].tolist()
        begun = 0
        for place in range(1, len(inks) + 1):
            if place == len(inks) or inks[place] != inks[begun]:
                style = self._style(_INKS[Ink(inks[begun])])
                segments.append(Segment(glyphs[begun:place], style))
                begun = place
        return segments

    def _title(self, chart: Chart) -> list[tuple[str, str]]:
        """Return the words of the first row, those first that must not be cut."""
        parts = [(f" {shown_line(chart.metric, 40)} ", _TITLE), (" ", _VALUE)]
        readings = [self._reading(place) for place in range(len(chart.curves))]
        if len(readings) > 1:
            parts += _both(readings)
        elif self._cursor is not None or not chart.curves[0].ends_broken:
            parts.append((f"{said(readings[0]) if readings[0] else 'nothing logged'}  ", _VALUE))
        for curve in chart.curves:
            broken, first = int(curve.broken.sum()), curve.first_broken()
            if first is not None:
                parts.append((f"✗ {broken:,} NaN/inf from {first:,}  ", "chart--broken"))
        if self.is_log:
            parts.append(("log  ", "chart--label"))
        if self._cursor is not None:
            parts += [(f"{spread(one)}  ", _AXIS) for one in readings if one and spread(one)]
        return [*parts, (shown_line(chart.note, 80), _AXIS)]

    def _reading(self, place: int) -> Reading | None:
        """Return what a curve says at the cursor, or at its newest value."""
        assert self._painter is not None
        step = self._painter.chart.end if self._cursor is None else self._cursor
        return self._painter.read(place, step, self.plot_width)

    def _segments(self, parts: list[tuple[str, str]]) -> list[Segment]:
        return [Segment(text, self._style(name)) for text, name in parts]

    def _style(self, name: str) -> RichStyle:
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(name)
        return self._styles[name]


def _both(readings: list[Reading | None]) -> list[tuple[str, str]]:
    """Return what two curves say, each behind its sign, with the step or steps."""
    parts: list[tuple[str, str]] = []
    for sign, ink, reading in zip("▄○", (Ink.FIRST, Ink.SECOND), readings, strict=True):
        value = number(reading.value) if reading else "nothing"
        parts.append((f"{sign} {value}  ", _INKS[ink]))
    steps = list(dict.fromkeys(f"{one.step:,}" for one in readings if one))
    words = "at step" if len(steps) == 1 else "at steps"
    return [*parts, (f"{words} {' and '.join(steps)}  ", _VALUE)]


def _fitting(parts: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Return the parts that are whole within `width`; the first two always stand."""
    kept, room = parts[:2], width - sum(len(text) for text, _ in parts[:2])
    for text, name in parts[2:]:
        if len(text.rstrip()) <= room:
            kept.append((text, name))
            room -= len(text)
    return kept
