"""The picker over another screen: gives back the path that was chosen, None when it was left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui.run.picker_pane import Picker
from tui.screen import DoctorModal

if TYPE_CHECKING:
    from textual.app import ComposeResult


class PickerScreen(DoctorModal[Path | None]):
    """Asks for a run. `title` says what it is for."""

    DEFAULT_CSS = """
    PickerScreen { align: center middle; }
    PickerScreen > Picker {
        width: 90%; max-width: 100; height: 80%; background: $background; border: round $primary;
    }
    """

    def __init__(
        self, title: str = "Attach a run  (enter attaches, esc closes)", folder: Path | None = None
    ) -> None:
        super().__init__()
        self._title_text = title
        self._folder = folder

    def compose(self) -> ComposeResult:
        """Yield the picker."""
        yield Picker(self._title_text, self._folder)

    def on_picker_picked(self, event: Picker.Picked) -> None:
        """Give the path back."""
        event.stop()
        self.dismiss(event.path)
