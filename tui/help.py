"""`?`: what the screen is for, and every key that works on it, from the action table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.action import Action, Place
from tui.actions import actions_of
from tui.screen import DoctorModal, DoctorScreen
from tui.widgets.page import Block, Page, heading

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.screen import Screen

AREAS = {
    "screen": "Screens", "app": "Everywhere", "move": "Moving",
}  # fmt: skip
READER = (
    "With a screen reader, or without a terminal, ssl-doctor ask, explain, diagnose, watch and "
    "fixes give the same as plain text, and as JSON with --json."
)
MOUSE = "Everything on the screen can be clicked; nothing needs the mouse."


class HelpScreen(DoctorModal[None]):
    """The keys of one screen, and those that work everywhere."""

    def __init__(self, screen: Screen[Any]) -> None:
        super().__init__()
        self._about = screen.about if isinstance(screen, DoctorScreen) else ""
        self._place: Place | None = screen.place if isinstance(screen, DoctorScreen) else None

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(classes="box", id="help-box"):
            yield Static(Content("Keys  (esc closes)"), classes="box-title")
            yield Page(id="help")

    def on_mount(self) -> None:
        """Fill the page and let the arrow keys scroll it."""
        page = self.query_one(Page)
        page.show(help_blocks(self._place, self._about, dict(self.app._keymap)))
        page.focus()


def help_blocks(place: Place | None, about: str, keymap: dict[str, str]) -> list[Block]:
    """Return the page of help for a screen; `keymap` holds the user's own keys by action."""
    blocks = [Block(Content(about))] if about else []
    if place is not None and (own := actions_of(place)):
        blocks += [heading("On this screen"), *(_line(one, keymap) for one in own)]
    for area, title in AREAS.items():
        listed = [one for one in actions_of("app") if one.id.partition(".")[0] == area]
        blocks += [heading(title), *(_line(one, keymap) for one in listed)]
    return [*blocks, Block(Content(MOUSE), space=True), Block(Content(READER), space=True)]


def _line(action: Action, keymap: dict[str, str]) -> Block:
    keys = keymap.get(action.id, ",".join(action.keys)).split(",")
    shown = " ".join(shown_key(key) for key in keys)
    text = Content.assemble((action.label, "bold"), f"  {action.help}")
    return Block(text, Content.styled(f"{shown:<9} ", "$text-accent bold"), 10)


def shown_key(key: str) -> str:
    """Return a key as it is printed on the keyboard."""
    from textual.keys import key_to_character

    names = {"escape": "esc", "question_mark": "?"}
    return names.get(key) or key_to_character(key) or key
