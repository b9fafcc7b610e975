"""`f`: a letter on each pane; typing it goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.widgets import Static

from tui.screen import DoctorModal

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Key
    from textual.screen import Screen

LETTERS = "asdfghjkl"
"""The home row: the panes are few, and the fingers lie there."""


class JumpScreen(DoctorModal[str]):
    """Letters over the panes of the screen below. Returns the id of the chosen pane."""

    def __init__(self, below: Screen[Any]) -> None:
        super().__init__()
        panes = [one for one in below.focus_chain if one.id is not None]
        self._panes = dict(zip(LETTERS, panes, strict=False))

    def compose(self) -> ComposeResult:
        """Yield one label per pane, at its corner."""
        for letter, pane in self._panes.items():
            label = Static(Content(f" {letter} "), classes="jump-letter")
            label.styles.offset = (pane.region.x, pane.region.y)
            yield label

    def on_key(self, event: Key) -> None:
        """Go where the letter says; any other key closes."""
        event.stop()
        pane = self._panes.get(event.character or "")
        self.dismiss(pane.id if pane is not None else None)
