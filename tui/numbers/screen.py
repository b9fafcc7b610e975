"""Paste numbers: a snapshot typed or pasted that ranks like a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import ModalScreen
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.app import ComposeResult


class NumbersScreen(ModalScreen[None]):
    """To be filled by its owner; calls `app.use_numbers`."""

    def compose(self) -> ComposeResult:
        """Yield the box."""
        yield Input(id="numbers")
