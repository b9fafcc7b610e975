"""The Compare screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class CompareScreen(DoctorScreen):
    """To be filled by its owner."""

    place = "compare"
    about = "The Compare screen."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("compare")
