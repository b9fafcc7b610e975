"""A line that narrows a list while it is typed; escape clears it, enter and down go to the list."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tui.plain import shown_line

MOST = 200
"""Characters kept of a filter."""


class FilterBox(Input):
    """Hidden until it is wanted. What is typed is told at once as `Narrowed`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_and_leave", show=False),
        Binding("down,enter", "leave", show=False),
    ]
    DEFAULT_CSS = """
    FilterBox { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    FilterBox.-wanted, FilterBox:focus { display: block; border: none; }
    """

    class Narrowed(Message):
        """The filter changed; an empty text lists everything."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The list is to have the focus."""

    def __init__(self, hint: str) -> None:
        super().__init__(
            placeholder=hint, id="filter", max_length=MOST, compact=True, select_on_focus=False
        )
        self.cursor_blink = False

    def open(self) -> None:
        """Show the box and type into it."""
        self.add_class("-wanted")
        self.focus()

    def clear_filter(self) -> None:
        """Empty the box and hide it."""
        self.value = ""
        self.remove_class("-wanted")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what is typed."""
        event.stop()
        self.post_message(self.Narrowed(event.value))

    def action_clear_and_leave(self) -> None:
        """List everything again, and go to the list."""
        self.clear_filter()
        self.post_message(self.Left())

    def action_leave(self) -> None:
        """Go to the list; the filter stays."""
        self.set_class(bool(self.value), "-wanted")
        self.post_message(self.Left())

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        line = shown_line(event.text, MOST)
        self.replace(line[: MOST - len(self.value) + len(self.selected_text)], *self.selection)
