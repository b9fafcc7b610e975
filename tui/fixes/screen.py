"""The Fixes screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class FixesScreen(DoctorScreen):
    """To be filled by its owner."""

    place = "fixes"
    about = "The Fixes screen."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("fixes")
