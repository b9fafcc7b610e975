"""The Browse screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class BrowseScreen(DoctorScreen):
    """To be filled by its owner."""

    place = "browse"
    about = "The Browse screen."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("browse")
