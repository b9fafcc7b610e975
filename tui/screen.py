"""The frame of every screen: tabs and run state on top, the footer below, keys from the table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from tui.action import Place
from tui.actions import bindings_of
from tui.copying import command_of
from tui.widgets.footer import KeyFooter
from tui.widgets.top_bar import TopBar

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from assistant.answer import Answer
    from tui.app import DoctorApp
    from tui.session import Session

T = TypeVar("T")


class DoctorScreen(Screen[None]):
    """A screen of ssl-doctor. A subclass sets `place` and `about` and yields its panes in `body`.

    Its key bindings are the rows of the action table for `place`; each row's `does` is an
    `action_` method of the subclass. It hears of changes through `on_answer_changed`,
    `on_run_changed` and `on_marks_changed`, also while another screen is shown.
    """

    place: ClassVar[Place]
    about: ClassVar[str]
    """One or two sentences for `?`: what the screen is for."""

    AUTO_FOCUS = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "place" in cls.__dict__:
            cls.BINDINGS = [*bindings_of(cls.place)]
        super().__init_subclass__(**kwargs)

    @property
    def doctor(self) -> DoctorApp:
        """Return the app, with its own type."""
        from tui.app import DoctorApp

        assert isinstance(self.app, DoctorApp)
        return self.app

    @property
    def session(self) -> Session:
        """Return what all screens share."""
        return self.doctor.session

    def compose(self) -> ComposeResult:
        """Yield the frame around the panes of `body`."""
        yield TopBar(self.place)
        yield from self.body()
        yield KeyFooter()

    def body(self) -> ComposeResult:
        """Yield the panes of this screen."""
        raise NotImplementedError

    def on_run_changed(self) -> None:
        """Show the state of the run; Textual calls this beside the handler of a subclass."""
        self.query_one(TopBar).refresh()
        self.refresh_bindings()

    def go_back(self) -> bool:
        """Go back inside the screen, for escape; return whether there was anywhere to go."""
        return False

    def to_copy(self) -> tuple[str, str] | None:
        """Return what `y` copies and what it is, in words; None when nothing is chosen."""
        return None

    def equivalent_command(self) -> str:
        """Return the command that gives what this screen shows."""
        return command_of(self.session)

    def to_export(self) -> Answer | None:
        """Return the answer that `e` saves."""
        return self.session.answer if self.session.query else self.session.run_answer


class DoctorModal(ModalScreen[T]):
    """A box on top of a screen; escape closes it, and so does q where no text is typed."""

    CSS_PATH = str(Path(__file__).with_name("modals.tcss"))  # a subclass lies elsewhere
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_none", "Close", show=False),
        Binding("q", "dismiss_none", "Close", show=False),
    ]

    def action_dismiss_none(self) -> None:
        """Close the box without a result."""
        self.dismiss(None)

    def on_click(self, event: Any) -> None:
        """Close the box when what lies around it is clicked."""
        if event.widget is self:
            self.dismiss(None)
