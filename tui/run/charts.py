"""The charts of a run, one below the other, with one cursor over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from assistant.answer import Answer
from assistant.levels import Level
from kb.run import Run
from tui.run.chart import ChartView
from tui.run.choice import charted
from tui.run.picture import Chart
from tui.run.trace import Trace

LEAST_ROWS = 6
"""Rows of a chart below which its curve cannot be read: title, axis and four of plot."""

MOST_ROWS = 12
LEAP = 10
"""Columns that the cursor leaps with shift."""


class Charts(VerticalScroll, inherit_bindings=False):
    """Shows the metrics of a run. Arrows up and down choose a chart, left and right read it."""

    ALLOW_MAXIMIZE = True
    DEFAULT_CSS = "Charts { scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", show=False),
        Binding("down,j", "cursor_down", show=False),
        Binding("home,g", "first", show=False),
        Binding("end,G", "last", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.can_focus = True
        self.chosen = 0
        self.cursor: float | None = None
        self._views: list[ChartView] = []

    def show(self, charts: list[Chart]) -> None:
        """Show these charts; views are kept, so that only what is new is drawn."""
        while len(self._views) < len(charts):
            view = ChartView()
            self._views.append(view)
            self.mount(view)
        while len(self._views) > len(charts):
            self._views.pop().remove()
        for view, chart in zip(self._views, charts, strict=True):
            view.show(chart)
        self.chosen = min(self.chosen, max(0, len(charts) - 1))
        self._mark()
        self._share_height()

    @property
    def chosen_view(self) -> ChartView | None:
        """Return the chart that keys act on."""
        return self._views[self.chosen] if self._views else None

    @property
    def metrics(self) -> list[str]:
        """Return what is drawn, from above."""
        return [view.chart.metric for view in self._views if view.chart is not None]

    def move_cursor(self, columns: int) -> None:
        """Move the cursor; a first move puts it on the newest step."""
        view = self.chosen_view
        if view is not None:
            self._point(view.next_step(columns))

    def take_cursor_away(self) -> None:
        """Show the newest values again."""
        self._point(None)

    def on_chart_view_pointed(self, event: ChartView.Pointed) -> None:
        """Put the cursor where a chart was clicked."""
        event.stop()
        self.focus()
        self._point(event.step)

    def on_click(self) -> None:
        """Take the focus."""
        self.focus()

    def action_cursor_up(self) -> None:
        """Choose the chart above."""
        self._choose(self.chosen - 1)

    def action_cursor_down(self) -> None:
        """Choose the chart below."""
        self._choose(self.chosen + 1)

    def action_first(self) -> None:
        """Choose the first chart."""
        self._choose(0)

    def action_last(self) -> None:
        """Choose the last chart."""
        self._choose(len(self._views) - 1)

    def on_focus(self) -> None:
        """Show which chart is chosen."""
        self._mark()

    def on_blur(self) -> None:
        """Show that keys act elsewhere."""
        self._mark()

    def on_resize(self) -> None:
        """Give each chart its share of the new height."""
        self._share_height()

    def _choose(self, place: int) -> None:
        self.chosen = min(max(place, 0), max(0, len(self._views) - 1))
        self._mark()
        if self.chosen_view is not None:
            self.scroll_to_widget(self.chosen_view, animate=False)

    def _point(self, step: float | None) -> None:
        self.cursor = step
        for view in self._views:
            view.point(step)

    def _mark(self) -> None:
        for place, view in enumerate(self._views):
            view.choose(place == self.chosen and self.has_focus)

    def _share_height(self) -> None:
        """Let as many charts as can be read fill the height, and the others be scrolled to."""
        height = self.scrollable_content_region.height
        if not self._views or height <= 0:
            return
        fitting = max(1, min(len(self._views), height // LEAST_ROWS))
        rows = max(min(height, LEAST_ROWS), height // fitting)
        if len(self._views) > 1:
            rows = min(rows, max(MOST_ROWS, height // 3))
        for view in self._views:
            view.styles.height = rows


def charts_of(
    run: Run,
    answer: Answer | None,
    levels: Mapping[str, tuple[Level, ...]],
    history: Mapping[str, Trace] | None = None,
) -> list[Chart]:
    """Return the charts of a run over one range of steps, the telling ones first.

    `levels` are drawn into the charts of their metrics. `history` holds traces of all that was
    logged so far; a run that is followed keeps fewer.
    """
    names = charted(run, answer)
    held = {name: run.series[name] if name in run.series else run.unknown[name] for name in names}
    traces = {name: Trace.from_series(series) for name, series in held.items()}
    for name in traces.keys() & (history or {}).keys():
        traces[name] = (history or {})[name].followed_by(traces[name])
    extents = [extent for trace in traces.values() if (extent := trace.extent()) is not None]
    if not extents:
        return []
    begin, end = min(first for first, _ in extents), max(last for _, last in extents)
    logged = {name: series.logged_as for name, series in held.items()}
    return [
        Chart(
            name,
            (trace,),
            begin,
            end,
            levels.get(name, ()),
            note=_note(name, logged[name], known=name in run.series),
        )
        for name, trace in traces.items()
    ]


def _note(name: str, logged: str, *, known: bool) -> str:
    if not known:
        return "not understood, so nothing uses it"
    return f"logged as {logged}" if logged and logged != name else ""
