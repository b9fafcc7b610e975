"""The app: one mode per screen, the session, the theme, the way in and out."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.screen import Screen
from textual.widgets import Input

from tui.actions import ACTIONS, bindings_of
from tui.consult import Consultation
from tui.copying import fit_to_copy
from tui.messages import JobDone, Progress
from tui.moving import focus_beside, move
from tui.plain import shown_line
from tui.screen import DoctorScreen
from tui.session import Session
from tui.themes import ORDER, OURS, after, muted
from tui.widgets.page import Page

if TYPE_CHECKING:
    from textual.message import Message

    from kb.types import Scalar

LOOK_EVERY = 0.25
"""Seconds between two looks at a run, and so the least between two redraws of it (issue 4)."""

SWITCH_EVERY = 0.001
"""Seconds after which a working thread lets another on: a key must not wait five milliseconds,
Python's own, for each thread that reads or answers."""

TOLD = 3.0
"""Seconds a short notice stays: long enough to read a line, and it covers text."""


def load(place: str) -> Screen[Any]:
    """Import a screen when it is first shown, and make it. `place` is `module:Class`."""
    module, _, name = place.partition(":")
    screen = getattr(import_module(module), name)()
    assert isinstance(screen, Screen)
    return screen


class DoctorApp(App[None]):
    """The terminal interface of ssl-doctor. See tui/__init__.py for the map."""

    TITLE = "ssl-doctor"
    CSS_PATH = "ssl_doctor.tcss"
    DEFAULT_MODE = "ask"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "ask": partial(load, "tui.ask.screen:AskScreen"),
        "run": partial(load, "tui.run.screen:RunScreen"),
        "fixes": partial(load, "tui.fixes.screen:FixesScreen"),
        "browse": partial(load, "tui.browse.screen:BrowseScreen"),
        "methods": partial(load, "tui.browse.methods:MethodsScreen"),
        "compare": partial(load, "tui.compare.screen:CompareScreen"),
    }
    BINDINGS: ClassVar[list[Any]] = list(bindings_of("app"))
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012
    COMMAND_PALETTE_BINDING = ""
    NOTIFICATION_TIMEOUT = TOLD

    def __init__(self, run: Path | None = None) -> None:
        super().__init__()
        self.session = Session()
        self.consultation = Consultation(self.session, self.post_message, self.tell)
        self._first_run = run
        for theme in OURS:
            self.register_theme(theme)
        self.theme = OURS[0].name
        self._css_read_with = self.get_css_variables()
        self.stylesheet.set_variables(self._css_read_with)

    def refresh_css(self, animate: bool = True) -> None:
        """Read the style sheets again, unless it was for this theme that they were read.

        Textual asks for it once while starting, a tenth of the time to the first frame.
        """
        variables = self.get_css_variables()
        if variables != self._css_read_with:
            self._css_read_with = variables
            super().refresh_css(animate)

    def get_css_variables(self) -> dict[str, str]:
        """Add `$muted`, the colour of what is said beside: Textual's own is relative."""
        variables = super().get_css_variables()
        return {**variables, "muted": muted(variables)}

    def on_load(self) -> None:
        """Take over the user's keys and theme."""
        from tui.keymap import preferences

        self.preferences = preferences(ACTIONS, ORDER)
        self.set_keymap(dict(self.preferences.keys))
        if self.preferences.theme is not None:
            self.theme = self.preferences.theme

    def on_ready(self) -> None:
        """Load the engine once the first frame is on the screen, and attach the run."""
        self.call_after_refresh(self._begin)
        # A terminal that goes away or a job that is ended must find the screen as it was.
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._end, 128 + number)

    def _begin(self) -> None:
        sys.setswitchinterval(SWITCH_EVERY)
        gc.freeze()
        gc.enable()
        self.consultation.start()
        self.set_interval(LOOK_EVERY, self.consultation.look)
        for problem in self.preferences.problems:
            self.notify(problem, severity="warning", timeout=4 * TOLD, markup=False)
        if self._first_run is not None:
            self.attach(self._first_run)

    def _end(self, code: int) -> None:
        self.exit(return_code=code)

    # Between the consultation and the screens

    def on_job_done(self, done: JobDone) -> None:
        """Take the outcome of a worker thread."""
        self.consultation.done(done)

    def on_progress(self, progress: Progress) -> None:
        """Say what takes time."""
        self.consultation.progress = shown_line(progress.line)

    def tell(self, message: Message) -> None:
        """Send a message to every screen that was opened, the hidden ones too."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                screen.post_message(type(message)())

    def waiting_for(self) -> str:
        """Return what an answer waits for, in words."""
        return self.consultation.waiting_for()

    def ask(self, text: str) -> None:
        """Answer `text`, with the run where one is attached."""
        self.consultation.ask(text)

    def attach(self, path: Path) -> None:
        """Follow the run at `path`; its numbers take part in every answer."""
        self.consultation.attach(path)
        self.refresh_bindings()

    def detach(self) -> None:
        """Forget the run or the typed numbers."""
        self.consultation.detach()
        self.refresh_bindings()

    def use_numbers(self, numbers: Mapping[str, Scalar | Sequence[float]]) -> None:
        """Judge typed numbers like a run, instead of a run."""
        self.consultation.use_numbers(numbers)
        self.refresh_bindings()

    def compare(self, path_a: Path, path_b: Path) -> None:
        """Show two runs overlaid; the Compare screen reads them."""
        self.session.compared = (path_a, path_b)
        self.switch_mode("compare")

    def open_entry(self, entry_id: str) -> None:
        """Show the page of an entry on the Browse screen."""
        self.session.opened = entry_id
        self.switch_mode("browse")
        self.tell_opened()

    def open_section(self, method: str, line: int) -> None:
        """Show the section of a method's document that holds this line, on the Methods screen."""
        from tui.messages import SectionOpened

        self.session.section = (method, line)
        self.switch_mode("methods")
        self.tell(SectionOpened())

    def tell_opened(self) -> None:
        """Tell the screens that `session.opened` was asked for."""
        from tui.messages import EntryOpened

        self.tell(EntryOpened())

    def copy_text(self, text: str, what: str) -> None:
        """Copy `text` to the terminal's clipboard (OSC 52) and tell that `what` was copied."""
        self.copy_to_clipboard(fit_to_copy(text))
        self.say(f"✓ copied {what}")

    def say(self, line: str, *, problem: bool = False) -> None:
        """Show a short notice. `line` may hold text from outside."""
        severity = "error" if problem else "information"
        self.notify(shown_line(line), markup=False, severity=severity)  # type: ignore[arg-type]

    def equivalent_command(self) -> str:
        """Return the command that gives what the screen shows."""
        screen = self.screen
        return screen.equivalent_command() if isinstance(screen, DoctorScreen) else "ssl-doctor tui"

    # Actions

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool | None:
        """Grey out what does not apply now."""
        screen = self.screen if self._screen_stacks.get(self._current_mode) else None
        if action == "back" and self.current_mode == "ask":
            return True if isinstance(self.focused, Input | Page) else None
        if action == "detach_run":
            return True if self.session.has_run else None
        if action == "focus_query" and isinstance(self.focused, Input):
            return self.focused.id != "query"
        if action == "copy" and isinstance(screen, DoctorScreen) and screen.is_mounted:
            return True if screen.to_copy() is not None else None
        if action == "export" and isinstance(screen, DoctorScreen) and screen.is_mounted:
            return True if screen.to_export() is not None else None
        return True

    def action_show(self, mode: str) -> None:
        """Show the screen of that name."""
        self.switch_mode(mode)

    def action_focus_query(self) -> None:
        """Go to the query box, from any screen."""
        self.switch_mode("ask")
        for box in self.screen.query("#query").results(Input):
            box.focus()

    def action_attach_run(self) -> None:
        """Let the user choose a run."""
        self.push_screen(load("tui.run.picker:PickerScreen"), self._picked)

    def _picked(self, path: Path | None) -> None:
        if path is not None:
            self.attach(path)

    def action_paste_numbers(self) -> None:
        """Let the user type numbers."""
        self.push_screen(load("tui.numbers.screen:NumbersScreen"))

    def action_detach_run(self) -> None:
        """Forget the run."""
        self.detach()
        self.say("the run is detached")

    def action_copy(self) -> None:
        """Copy what is chosen on this screen."""
        chosen = self.screen.to_copy() if isinstance(self.screen, DoctorScreen) else None
        if chosen is not None:
            self.copy_text(*chosen)

    def action_copy_command(self) -> None:
        """Copy the equivalent command."""
        command = self.equivalent_command()
        self.copy_text(command, f"the command: {command}")

    def action_export(self) -> None:
        """Save the answer."""
        answer = self.screen.to_export() if isinstance(self.screen, DoctorScreen) else None
        if answer is not None:
            from tui.export_dialog import ExportDialog

            self.push_screen(ExportDialog(answer))

    def action_command_palette(self) -> None:
        """Open the palette."""
        from tui.palette import DoctorPalette

        self.push_screen(DoctorPalette(id="--command-palette"))

    def action_help(self) -> None:
        """Show what this screen is for, and its keys."""
        from tui.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def action_jump(self) -> None:
        """Show a letter on each pane."""
        from tui.jump import JumpScreen

        self.push_screen(JumpScreen(self.screen), self._jumped)

    def _jumped(self, widget_id: str | None) -> None:
        if widget_id is not None:
            self.screen.query_one(f"#{widget_id}").focus()

    def action_next_theme(self) -> None:
        """Take the next theme."""
        self.take_theme(after(self.theme))

    def take_theme(self, name: str) -> None:
        """Change the theme, and keep it for the next start."""
        from tui.keymap import keep_theme

        self.theme = name
        problem = keep_theme(name)
        kept = f"not kept: {problem}" if problem else "kept for the next start"
        self.say(f"theme {name}, {kept}", problem=bool(problem))

    def action_zoom(self) -> None:
        """Give the focused pane the whole screen, or take it back."""
        screen = self.screen
        if screen.maximized is not None:
            screen.minimize()
        elif screen.focused is not None and not isinstance(screen.focused, Input):
            screen.maximize(screen.focused)

    def action_move(self, where: str) -> None:
        """Move in the focused pane."""
        move(self.screen.focused, where)

    def action_focus_pane(self, by: int) -> None:
        """Focus the pane before or after."""
        focus_beside(self.screen, by)

    async def action_back(self) -> None:
        """Leave the query box, or go back to Ask."""
        screen = self.screen
        if isinstance(screen, DoctorScreen) and screen.go_back():
            return
        if isinstance(self.focused, Input):
            screen.focus_next()
        elif self.current_mode != "ask":
            self.switch_mode("ask")

    async def action_leave(self) -> None:
        """End."""
        self.exit()

    def _fatal_error(self) -> None:
        """Leave with a line instead of Textual's pages of traceback, which goes to a file."""
        from tui.crash import told

        self.panic(told(self._exception))
