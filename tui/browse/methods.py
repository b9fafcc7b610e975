"""The Methods screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class MethodsScreen(DoctorScreen):
    """To be filled by its owner."""

    place = "methods"
    about = "The Methods screen."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("methods")
