"""The Ask screen: type a symptom, see what fits, read why and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input, Static

from tui.screen import DoctorScreen

if TYPE_CHECKING:
    from textual.app import ComposeResult


class AskScreen(DoctorScreen):
    """Query box, results, entry."""

    place = "ask"
    about = "Describe what your run does; what fits is listed while you type."

    def body(self) -> ComposeResult:
        """Yield the panes."""
        yield Input(placeholder="loss stuck at 4.14", id="query")
        yield Static(id="results")
