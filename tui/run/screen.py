"""The Run screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class RunScreen(DoctorScreen):
    """To be filled by its owner."""

    place = "run"
    about = "The Run screen."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Static("run")
