"""The Run screen: is it alive, is it sick, what do the curves say, what was checked."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textual.containers import Container, Horizontal
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from assistant.run_input import as_run
from kb.errors import SslDoctorError
from tui.copying import fit_to_copy
from tui.numbers.text import typed
from tui.plain import shown
from tui.run.charts import Charts, charts_of
from tui.run.history import History
from tui.run.pages import banner, checks, why
from tui.run.picker import PickerScreen
from tui.run.picker_pane import Picker
from tui.run.state import began_anew, newest_step, state_line
from tui.screen import DoctorScreen
from tui.widgets.page import Block, Item, Page

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from assistant.answer import Answer
    from kb.run import Run

REDRAW_EVERY = 1.0
"""Least seconds between two redraws of curves that grow: a redraw costs what ten keys cost. Another
verdict or first cause is drawn at once."""

WRITE_EVERY = 5.0
"""Least seconds between two writings of the pages while the verdict stays: laying a page out costs
more than drawing all charts, and nobody reads digits that change while they are read."""

AGE_EVERY = 1.0
"""Seconds after which the age of the newest value is told anew."""


class RunScreen(DoctorScreen):
    """State, verdict, charts, reasons and checks of the attached run; a picker without one."""

    place = "run"
    about = (
        "One run: whether it is alive, the verdict with its reasons, the curves it rests on with "
        "their chance, collapse and floor values, what was checked and what was not. "
        "Left and right read the curves, s changes their scale."
    )
    DEFAULT_CSS = """
    RunScreen #run-state { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    RunScreen #run-verdict { height: auto; max-height: 3; padding: 0 1; }
    RunScreen Page { scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
    RunScreen #run-panes { height: 1fr; }
    RunScreen #charts { width: 4fr; padding: 0 0; }
    RunScreen #run-side { width: 3fr; }
    RunScreen #why, RunScreen #checks { height: 1fr; border-left: solid $panel; }
    RunScreen #why { height: 3fr; }
    RunScreen #checks { height: 2fr; border-top: solid $panel; }
    RunScreen #why:focus, RunScreen #checks:focus { border-left: solid $primary; }
    RunScreen.-wide #charts { width: 1fr; }
    RunScreen.-wide #run-side { width: 2fr; layout: horizontal; }
    RunScreen.-wide #why, RunScreen.-wide #checks { height: 1fr; width: 1fr; border-top: none; }
    RunScreen.-narrow #run-panes { layout: vertical; }
    RunScreen.-narrow #charts { width: 1fr; height: 3fr; }
    RunScreen.-narrow #run-side { width: 1fr; height: 4fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.redraws = 0
        """How often the charts were drawn: a test and a benchmark hold it against REDRAW_EVERY."""
        self._drawn_at = 0.0
        self._later: Timer | None = None
        self._shown: Run | None = None
        self._path: Path | None = None
        self._numbers: object = None
        self._typed: Run | None = None
        self._anew = ""
        self._said: tuple[object, ...] = (None, None, None, None)
        self._told: tuple[str | None, ...] = ("nothing",)
        self._written_at, self._held_back = 0.0, False
        self._verdict = Content("")
        self._pages: dict[str, tuple[list[Block], list[Item]]] = {}

    def body(self) -> ComposeResult:
        """Yield the panes; without a run only the picker is shown."""
        yield Static(id="run-state")
        yield Static(id="run-verdict")
        with Horizontal(id="run-panes"):
            yield Charts(id="charts")
            with Container(id="run-side"):
                yield Page(id="why")
                yield Page(id="checks")

    def on_mount(self) -> None:
        """Show what is attached already."""
        self._history = History(self.doctor.consultation.read, self.on_run_changed)
        self.set_interval(AGE_EVERY, self._pass_time)
        self._draw()
        if self.session.has_run:
            self.call_after_refresh(self.query_one(Charts).focus)

    def on_run_changed(self) -> None:
        """Draw what changed, at most every REDRAW_EVERY seconds; not behind another screen."""
        if not self.is_current:
            return
        rest = self._drawn_at + REDRAW_EVERY - time.monotonic()
        if rest <= 0 or _told_by(self.session.run_answer)[:2] != self._told[:2]:
            self._draw()
        elif self._later is None:
            self._later = self.set_timer(rest, self._draw)

    def on_screen_resume(self) -> None:
        """Draw what changed meanwhile."""
        self._draw()

    # What is shown

    def _draw(self) -> None:
        if self._later is not None:
            self._later.stop()
            self._later = None
        self._drawn_at = time.monotonic()
        attached = self.session.has_run
        self.query_one("#run-panes").display = attached
        for name in ("#run-state", "#run-verdict"):
            self.query_one(name).display = attached
        self._show_picker(not attached)
        if not attached:
            self._shown, self._anew, self._said = None, "", (None,) * 4
            self._told = ("nothing",)
            return
        self.redraws += 1
        run = self._run()
        if self._path != self.session.run_path:
            self._path, self._shown, self._anew = self.session.run_path, None, ""
        if began_anew(self._shown, run):
            self._anew = f"step {newest_step(self._shown) or 0:,}"
            self._history.forget()
        self._tell_state()
        self._tell_verdict()
        self._fill(run)

    def _run(self) -> Run | None:
        """Return the run, or the numbers given as one."""
        if self.session.numbers is None:
            return self.session.run
        if self._numbers is not self.session.numbers:
            self._numbers, self._typed = self.session.numbers, None
            with suppress(SslDoctorError):  # the engine says what is wrong
                self._typed = as_run(self.session.numbers)
        return self._typed

    def _pass_time(self) -> None:
        """Tell the age of the newest value, and write pages that were held back."""
        self._tell_state()
        if self._held_back and time.monotonic() >= self._written_at + WRITE_EVERY:
            self._write()

    def _tell_state(self) -> None:
        if self.session.has_run:
            self.query_one("#run-state", Static).update(state_line(self.session), layout=False)

    def _tell_verdict(self) -> None:
        session, parts = self.session, []
        waiting = session.life is not None and session.life.state == "waiting"
        if session.run_error is not None and session.run_answer is None and not waiting:
            said = shown(str(session.run_error), 400)
            parts.append(Content.assemble(("✗ not read ", "$text-error bold"), said))
        else:
            parts.append(banner(session.run_answer, self._waiting()))
        if waiting and session.run_error is not None:
            parts.append(Content.styled(shown(str(session.run_error), 400), "$text-muted"))
        if self._anew:
            text = f"○ the log was cut short or written anew (it had reached {self._anew})"
            parts.append(Content.styled(text, "$text-warning"))
        verdict = Content("\n").join(parts)
        if not verdict.is_same(self._verdict):
            self._verdict = verdict
            self.query_one("#run-verdict", Static).update(verdict)

    def _waiting(self) -> str:
        session = self.session
        if session.run is not None or session.numbers is not None:
            return "judging ..."
        if session.life is not None and session.life.state == "waiting":
            return "Nothing to read there yet; it is looked at until a run begins."
        return "reading ..."

    def _fill(self, run: Run | None) -> None:
        """Draw the charts and write the pages again when what they say changed."""
        session = self.session
        history = self._history.traces(session.run_path, run)
        said = (session.run_answer, session.run_error, run, history or None)
        if all(one is other for one, other in zip(said, self._said, strict=True)):
            return
        self._said, self._shown = said, run
        charts = (
            charts_of(run, session.run_answer, session.levels, history) if run is not None else []
        )
        self.query_one(Charts).show(charts)
        told = _told_by(session.run_answer)
        if told != self._told or time.monotonic() >= self._written_at + WRITE_EVERY:
            self._told = told
            self._write()
        else:
            self._held_back = True

    def _write(self) -> None:
        """Write the pages, those only that changed."""
        self._written_at, self._held_back = time.monotonic(), False
        session = self.session
        blocks, items = why(session.run_answer, session.run_error)
        pages = {"#why": (blocks, items), "#checks": (checks(session.run_answer, self._shown), [])}
        for name, page in pages.items():
            if self._pages.get(name) != page:
                self._pages[name] = page
                self.query_one(name, Page).show(*page, keep=True)

    def _show_picker(self, wanted: bool) -> None:
        held = self.query(Picker)
        if wanted and not held:
            picker = Picker("No run attached. Choose one, or type its path.", id="run-picker")
            self.mount(picker, after="#run-panes")
        elif held and not wanted:
            held.remove()
            self.call_after_refresh(self.query_one(Charts).focus)

    # What leaves the screen

    def to_copy(self) -> tuple[str, str] | None:
        """Return the chosen fix, else what the chosen chart says."""
        item = self.query_one("#why", Page).chosen_item
        if item is not None:
            return item.copied, item.what
        view = self.query_one(Charts).chosen_view
        said = view.reading() if view is not None else ""
        return (said, f"the reading: {said}") if said else None

    def equivalent_command(self) -> str:
        """Return the command that judges the same run or numbers."""
        session = self.session
        if session.numbers is not None:
            return shlex.join(["ssl-doctor", "diagnose", "--numbers", typed(session.numbers)])
        path = fit_to_copy(str(session.run_path)) if session.run_path is not None else ""
        return shlex.join(["ssl-doctor", "diagnose", path]) if path else "ssl-doctor tui"

    def to_export(self) -> Answer | None:
        """Return the verdict on the run."""
        return self.session.run_answer

    # What can be done

    def on_picker_picked(self, event: Picker.Picked) -> None:
        """Attach the run that was chosen."""
        event.stop()
        self.doctor.attach(event.path)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a run or a diagnosis."""
        if action in ("read", "newest", "scale"):
            return True if self.query_one(Charts).chosen_view is not None else None
        if action == "compare_with":
            return True if self.session.run_path is not None else None
        if action == "open_entry":
            answer = self.session.run_answer
            return True if answer is not None and answer.diagnoses else None
        return True

    def action_read(self, columns: int) -> None:
        """Move the cursor of the charts."""
        self.query_one(Charts).move_cursor(columns)

    def action_newest(self) -> None:
        """Take the cursor away."""
        self.query_one(Charts).take_cursor_away()

    def action_scale(self) -> None:
        """Switch the chosen chart between linear and logarithmic."""
        view = self.query_one(Charts).chosen_view
        if view is not None and not view.switch_scale():
            self.doctor.say("a logarithmic scale needs values above 0", problem=True)

    def action_open_entry(self) -> None:
        """Open the entry of the leading diagnosis."""
        answer = self.session.run_answer
        if answer is not None and answer.diagnoses:
            self.doctor.open_entry(answer.diagnoses[0].entry.id)

    def action_compare_with(self) -> None:
        """Ask for a second run and compare the two."""
        self.app.push_screen(
            PickerScreen("Compare with which run?  (enter compares, esc closes)"), self._compare
        )

    def _compare(self, path: Path | None) -> None:
        if path is not None and self.session.run_path is not None:
            self.doctor.compare(self.session.run_path, path)


def _told_by(answer: Answer | None) -> tuple[str | None, ...]:
    """Return the verdict and the causes, the first first."""
    if answer is None:
        return ()
    return answer.verdict, *(one.entry.id for one in answer.diagnoses)
