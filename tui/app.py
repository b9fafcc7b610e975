"""The app: one mode per screen, the session, the theme, the way in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.screen import Screen

from tui.actions import bindings_of
from tui.messages import AnswerChanged, JobDone, RunChanged
from tui.session import Session
from tui.worker import Worker, answered, diagnosed, warm

if TYPE_CHECKING:
    from textual.message import Message

    from assistant.answer import Answer
    from kb.types import Scalar

K = 5
"""Diagnoses asked for: as many as the command line shows."""


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

    def __init__(self, run: Path | None = None) -> None:
        super().__init__()
        self.session = Session()
        self.engine = Worker("engine", self.post_message)
        self.reader = Worker("reader", self.post_message)
        self._first_run = run

    def on_ready(self) -> None:
        """Load the engine once the first frame is on the screen, and attach the run."""
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.engine.submit("warm", warm, self._warmed)
        if self._first_run is not None:
            self.attach(self._first_run)

    def _warmed(self, outcome: object) -> None:
        if isinstance(outcome, Exception):
            self.session.error = outcome
            self.tell(AnswerChanged())

    def on_job_done(self, done: JobDone) -> None:
        """Hand an outcome to who asked for it, unless something newer was asked since."""
        if self.engine.is_newest(done) or self.reader.is_newest(done):
            done.then(done.outcome)

    def tell(self, message: Message) -> None:
        """Send a message to every screen that was opened, the hidden ones too."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                screen.post_message(type(message)())

    def ask(self, text: str) -> None:
        """Answer `text`, with the run where one is attached."""
        self.session.query = text
        self.session.asking = bool(text.strip())
        if not text.strip():
            self.engine.drop("ask")
            self.session.answer = self.session.error = None
            self.tell(AnswerChanged())
            return
        run = self.session.run or self.session.numbers
        self.engine.submit("ask", partial(answered, text, run, K), self._answered)
        self.tell(AnswerChanged())

    def _answered(self, outcome: Answer | Exception) -> None:
        self.session.asking = False
        if isinstance(outcome, Exception):
            self.session.error = outcome
        else:
            self.session.answer, self.session.error = outcome, None
        self.tell(AnswerChanged())

    def use_numbers(self, numbers: Mapping[str, Scalar | Sequence[float]]) -> None:
        """Judge typed numbers like a run, instead of a run."""
        self.detach()
        self.session.numbers = numbers
        self.engine.submit("diagnose", partial(diagnosed, numbers, K), self._judged)
        self.ask(self.session.query)
        self.tell(RunChanged())

    def _judged(self, outcome: Answer | Exception) -> None:
        if isinstance(outcome, Exception):
            self.session.run_error = outcome
        else:
            self.session.run_answer = outcome
        self.tell(RunChanged())

    def attach(self, path: Path) -> None:
        """Follow the run at `path`; its numbers take part in every answer."""
        self.session.run_path = path
        self.tell(RunChanged())

    def detach(self) -> None:
        """Forget the run or the typed numbers."""
        session = self.session
        session.run_path = session.numbers = session.run = session.life = None
        session.run_answer = session.run_error = None
        session.moved = ()
        self.tell(RunChanged())

    def compare(self, path_a: Path, path_b: Path) -> None:
        """Show two runs overlaid."""
        self.session.compared = (path_a, path_b)
        self.switch_mode("compare")

    def open_entry(self, entry_id: str) -> None:
        """Show an entry's page."""
        raise NotImplementedError

    def copy_text(self, text: str, what: str) -> None:
        """Copy `text` to the terminal's clipboard (OSC 52) and tell that `what` was copied."""
        self.copy_to_clipboard(text)
        self.notify(f"copied {what}")

    def action_show(self, mode: str) -> None:
        """Show the screen of that name."""
        self.switch_mode(mode)
