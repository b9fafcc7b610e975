"""The Compare screen: two runs overlaid, and the step at which they part."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.compare.pages import row_lines, settings_page, title, verdict
from tui.compare.pair import Pair, Row, chart_of, read_pair, rows_of
from tui.copying import fit_to_copy
from tui.plain import shown
from tui.run.chart import ChartView
from tui.run.picker_pane import Picker
from tui.screen import DoctorScreen
from tui.widgets.page import Page

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from assistant.answer import Answer


class CompareScreen(DoctorScreen):
    """Two runs: where they part, by which metric, and how their settings differ."""

    place = "compare"
    about = (
        "Two runs, one over the other: A is the line, B the circles. The metrics stand in the "
        "order in which the runs part; the upright line marks the step of the chosen one."
    )
    DEFAULT_CSS = """
    CompareScreen .run-title { height: 1; padding: 0 1; }
    CompareScreen .run-title { text-wrap: nowrap; text-overflow: ellipsis; }
    CompareScreen #parting { height: auto; max-height: 6; padding: 0 1; }
    CompareScreen #compare-panes {
        height: 1fr; layout: grid; grid-size: 2 2; grid-columns: 3fr 2fr; grid-rows: 1fr 1fr;
    }
    CompareScreen #overlay { column-span: 2; height: 100%; }
    CompareScreen #metrics {
        height: 100%; border: none; padding: 0 1; background: $background; border-top: solid $panel;
    }
    CompareScreen #metrics:focus { border-top: solid $primary; background-tint: transparent; }
    CompareScreen #metrics { text-wrap: nowrap; text-overflow: ellipsis; }
    CompareScreen #metrics > .option-list--option-highlighted { text-style: reverse; }
    CompareScreen #differing {
        height: 100%; border-top: solid $panel; border-left: solid $panel;
        scrollbar-gutter: stable; scrollbar-size-vertical: 1;
    }
    CompareScreen.-wide #compare-panes {
        grid-size: 2 2; grid-columns: 6fr 5fr; grid-rows: 1fr 1fr;
    }
    CompareScreen.-wide #overlay { column-span: 1; row-span: 2; }
    CompareScreen.-narrow #compare-panes {
        grid-size: 1 3; grid-columns: 1fr; grid-rows: 2fr 1fr 1fr;
    }
    CompareScreen.-narrow #overlay { column-span: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._asked: tuple[Path, Path] | None = None
        self._first: Path | None = None
        self._pair: Pair | None = None
        self._rows: list[Row] = []
        self._cursor: float | None = None

    def body(self) -> ComposeResult:
        """Yield the titles and the panes; without two runs only the picker is shown."""
        yield Static(id="title-a", classes="run-title")
        yield Static(id="title-b", classes="run-title")
        yield Static(id="parting")
        with Container(id="compare-panes"):
            yield ChartView(id="overlay")
            yield OptionList(id="metrics", compact=True)
            yield Page(id="differing")

    def on_mount(self) -> None:
        """Compare what was asked for, else let the user choose."""
        self._begin()

    def on_screen_resume(self) -> None:
        """Compare what was asked for since."""
        if self.session.compared != self._asked and self.session.compared is not None:
            self._begin()

    # Choosing and reading

    def _begin(self) -> None:
        wanted = self.session.compared
        if wanted is None:
            self._first = self.session.run_path
            self._show_picker()
            return
        self._asked, self._pair = wanted, None
        self._hide_picker()
        self._show_titles()
        self._say(Content.styled("reading both ...", "$text-muted"))
        self.doctor.consultation.read("compare", partial(read_pair, *wanted), self._read)

    def _read(self, outcome: Pair | Exception) -> None:
        if not self.is_mounted:
            return
        if isinstance(outcome, Exception):
            self._pair, self._rows = None, []
            self.query_one("#compare-panes").display = False
            said = Content.assemble(
                ("✗ not read ", "$text-error bold"),
                shown(str(outcome), 1000),
                ("\nb chooses other runs, r reads again.", "bold"),
            )
            self._say(said)
            return
        self._pair, self._rows = outcome, rows_of(outcome)
        self.query_one("#compare-panes").display = True
        self._show_titles()
        self._say(verdict(outcome))
        metrics = self.query_one("#metrics", OptionList)
        metrics.set_options(Option(line) for line in row_lines(self._rows))
        self.query_one("#differing", Page).show(settings_page(outcome))
        if self._rows:
            metrics.highlighted = 0
            self._show_chart(0)
        metrics.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the curves of the metric."""
        if event.option_list.id == "metrics":
            event.stop()
            self._show_chart(event.option_index)

    def _show_chart(self, place: int) -> None:
        if self._pair is None or place >= len(self._rows):
            return
        chart = chart_of(self._pair, self._rows[place])
        if chart is not None:
            view = self.query_one(ChartView)
            view.show(chart)
            view.point(self._cursor)

    def _show_titles(self) -> None:
        paths = self._asked or (self._first, None)
        signs = (("▄", "$primary", "A"), ("○", "$warning", "B"))
        for (sign, colour, letter), path in zip(signs, paths, strict=True):
            line = title(sign, colour, letter, str(path), self._pair) if path else Content("")
            self.query_one(f"#title-{letter.lower()}", Static).update(line)

    def _say(self, text: Content) -> None:
        self.query_one("#parting", Static).update(text)

    def _show_picker(self) -> None:
        self.query_one("#compare-panes").display = False
        for held in self.query(Picker):
            held.remove()
        self._asked, self._pair = None, None
        self._show_titles()
        self._say(Content(""))
        said = "Compare two runs: which is A?" if self._first is None else "Which is B?"
        self.mount(Picker(said), after="#compare-panes")

    def _hide_picker(self) -> None:
        for held in self.query(Picker):
            held.remove()

    def on_picker_picked(self, event: Picker.Picked) -> None:
        """Take the first run, then the second."""
        event.stop()
        if self._first is None:
            self._first = event.path
            self._show_picker()
        else:
            self.session.compared = (self._first, event.path)
            self._begin()

    def on_chart_view_pointed(self, event: ChartView.Pointed) -> None:
        """Put the cursor where the chart was clicked."""
        event.stop()
        self._point(event.step)

    # What leaves the screen

    def to_copy(self) -> tuple[str, str] | None:
        """Return what the chosen metric says."""
        place = self.query_one("#metrics", OptionList).highlighted
        if place is None or place >= len(self._rows):
            return None
        line = " ".join(row_lines([self._rows[place]])[0].plain.split())
        return line, f"the line: {line}"

    def equivalent_command(self) -> str:
        """Return the command that compares the same runs."""
        if self._asked is None:
            return "ssl-doctor tui"
        return shlex.join(
            ["ssl-doctor", "compare", *(fit_to_copy(str(one)) for one in self._asked)]
        )

    def to_export(self) -> Answer | None:
        """Return nothing: a comparison is no answer."""
        return None

    # What can be done

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs two runs."""
        if action in ("read", "newest", "scale"):
            return True if self._pair is not None and self._rows else None
        if action in ("swap", "read_again"):
            return True if self._asked is not None else None
        return True

    def action_read(self, columns: int) -> None:
        """Move the cursor of the chart."""
        self._point(self.query_one(ChartView).next_step(columns))

    def action_newest(self) -> None:
        """Take the cursor away."""
        self._point(None)

    def action_scale(self) -> None:
        """Switch the chart between linear and logarithmic."""
        if not self.query_one(ChartView).switch_scale():
            self.doctor.say("a logarithmic scale needs values above 0", problem=True)

    def action_choose(self) -> None:
        """Choose two runs anew."""
        self.session.compared, self._first = None, None
        self._show_picker()

    def action_swap(self) -> None:
        """Let A and B change places."""
        if self._asked is not None:
            self.session.compared = (self._asked[1], self._asked[0])
            self._begin()

    def action_read_again(self) -> None:
        """Read both runs again."""
        self._begin()

    def _point(self, step: float | None) -> None:
        self._cursor = step
        self.query_one(ChartView).point(step)
