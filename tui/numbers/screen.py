"""Paste numbers: a snapshot typed or pasted that ranks like a run, read while it is typed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static, TextArea

from assistant.pasted import MOST_CHARACTERS, Pasted, read_pasted
from assistant.run_input import as_run
from kb.errors import SslDoctorError
from tui.numbers.pages import read_page, verdict_lines
from tui.numbers.text import typed
from tui.screen import DoctorModal
from tui.widgets.page import Page
from tui.worker import diagnosed

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from assistant.answer import Answer
    from tui.app import DoctorApp

PAUSE = 0.15
"""Seconds without a key after which the numbers are judged; how they are read shows at once."""

AT_ONCE = 4000
"""Characters that are read between two keys, in under 10 ms; more are read on a thread."""

CAUSES = 3


class NumbersBox(TextArea):
    """Where numbers are typed: enter uses them, since what has several lines is pasted."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+j", "new_line", show=False)]

    class Entered(Message):
        """Enter was pressed."""

    async def _on_key(self, event: object) -> None:
        key = getattr(event, "key", "")
        if key == "enter":
            event.stop()  # type: ignore[attr-defined]
            event.prevent_default()  # type: ignore[attr-defined]
            self.post_message(self.Entered())
            return
        await super()._on_key(event)  # type: ignore[arg-type]

    def action_new_line(self) -> None:
        """Begin another line."""
        self.insert("\n")


class NumbersScreen(DoctorModal[None]):
    """A box for numbers, how each was read, and what they point to."""

    DEFAULT_CSS = """
    NumbersScreen { align: center middle; }
    NumbersScreen > Vertical {
        width: 92%; max-width: 110; height: 88%; background: $background; border: round $primary;
        padding: 0 1;
    }
    NumbersScreen #numbers-title { text-style: bold; height: 1; }
    NumbersScreen #numbers-hint { color: $text-muted; height: auto; }
    NumbersScreen NumbersBox { height: 5; border: none; background: $surface; padding: 0 1; }
    NumbersScreen NumbersBox:focus { border: none; }
    NumbersScreen #numbers-verdict { text-wrap: nowrap; text-overflow: ellipsis; }
    NumbersScreen Page { height: 1fr; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }
    NumbersScreen #numbers-verdict { height: auto; max-height: 6; border-top: solid $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._pasted = Pasted({}, ())
        self._pause: Timer | None = None

    @property
    def _doctor(self) -> DoctorApp:
        from tui.app import DoctorApp

        assert isinstance(self.app, DoctorApp)
        return self.app

    def compose(self) -> ComposeResult:
        """Yield the box, how it was read, and the verdict."""
        with Vertical():
            yield Static(Content("Numbers instead of a run"), id="numbers-title")
            yield NumbersBox(soft_wrap=True, show_line_numbers=False, id="numbers")
            yield Static(
                Content("Type or paste; enter uses them, esc leaves. ctrl+j begins a new line."),
                id="numbers-hint",
            )
            yield Page(id="numbers-read")
            yield Static(id="numbers-verdict")

    def on_mount(self) -> None:
        """Start with the numbers that are in use."""
        held = self._doctor.session.numbers
        box = self.query_one(NumbersBox)
        box.cursor_blink = False
        if held is not None:
            box.load_text(typed(held))
            box.move_cursor(box.document.end)
        box.focus()
        self._read()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Read what is typed at once, or on a thread where it is long."""
        event.stop()
        self._read()

    def _read(self) -> None:
        text = self.query_one(NumbersBox).text
        if len(text) <= AT_ONCE:
            self._was_read(read_pasted(text))
        else:
            job = partial(read_pasted, text[: MOST_CHARACTERS + 1])
            self._doctor.consultation.read("numbers", job, self._was_read)

    def _was_read(self, outcome: Pasted | Exception) -> None:
        if not self.query(Page) or isinstance(outcome, Exception):
            return
        self._pasted = outcome
        self.query_one(Page).show(read_page(outcome), keep=True)
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._judge)

    def _judge(self) -> None:
        if not self._can_be_judged():
            self._tell(Content(""))
            return
        self._tell(Content.styled("judging ...", "$text-muted"))
        job = partial(diagnosed, self._pasted.numbers, CAUSES)
        self._doctor.consultation.judge("numbers", job, self._was_judged)

    def _was_judged(self, outcome: Answer | Exception) -> None:
        if self.query(Page):
            self._tell(verdict_lines(outcome))

    def _can_be_judged(self) -> bool:
        try:
            run = as_run(self._pasted.numbers)
        except SslDoctorError as error:
            self._tell(Content.styled(f"✗ {error}", "$text-error"))
            return False
        return run is not None and bool(run.series)

    def _tell(self, text: Content) -> None:
        self.query_one("#numbers-verdict", Static).update(text)

    def on_numbers_box_entered(self, event: NumbersBox.Entered) -> None:
        """Use the numbers, unless none of them was measured."""
        event.stop()
        text = self.query_one(NumbersBox).text
        if len(text) <= AT_ONCE:
            self._pasted = read_pasted(text)
        if self._can_be_judged():
            self._doctor.use_numbers(self._pasted.numbers)
            self.dismiss(None)
        elif not self._pasted.numbers:
            self._tell(Content.styled("✗ no number with a name that is known yet", "$text-error"))
        else:
            self._tell(
                Content.styled("✗ settings alone: add a number that was measured", "$text-error")
            )
