"""The question before a document leaves the user's store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.plain import shown_line
from tui.screen import DoctorModal

if TYPE_CHECKING:
    from textual.app import ComposeResult


class RemoveDialog(DoctorModal[bool]):
    """Ends with True when the document is to go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "agree", show=False),
        Binding("n", "dismiss_none", show=False),
    ]

    def __init__(self, path: str, entries: int) -> None:
        super().__init__()
        self._path = path
        self._entries = entries

    def compose(self) -> ComposeResult:
        """Yield the box."""
        with Vertical(classes="box", id="remove-box"):
            yield Static(Content("Remove this document from your store?"), classes="box-title")
            yield Static(Content(shown_line(self._path, 1000)))
            yield Static(Content(self._loses()))
            enter, escape = (Content.styled(key, "$text-accent bold") for key in ("enter", "esc"))
            yield Static(Content("").join(["\n", enter, " remove    ", escape, " keep"]))

    def _loses(self) -> str:
        count = f"{self._entries} entries" if self._entries != 1 else "1 entry"
        held = f", nor its {count}" if self._entries else ""
        return f"Answers will no longer use it{held}. The file stays where it is."

    def action_agree(self) -> None:
        """Close with yes."""
        self.dismiss(True)
