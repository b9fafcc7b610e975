"""The query box: one line that is never slow, whatever is pasted into it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from tui.actions import action_of
from tui.plain import shown_line

MOST = 4000
"""Characters kept of what is typed or pasted: a page of log, and echo stays under a frame."""


class QueryBox(Input):
    """Where a symptom is typed. Several lines that are pasted become one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,super+c", "copy_or_quit", show=False),
        # A list scrolls with this key, so the box has to say that it does something else.
        replace(action_of("ask.results").binding(), action="screen.into_results"),
    ]

    def __init__(self) -> None:
        super().__init__(
            placeholder="what does your run do?  loss stuck at 4.14",
            id="query",
            max_length=MOST,
            select_on_focus=False,
            compact=True,
        )
        self.cursor_blink = False

    async def _on_key(self, event: events.Key) -> None:
        """Read alt+letter as escape and the letter.

        Both are the same bytes, and tmux holds an escape back for half a second.
        """
        modifier, _, letter = event.key.partition("+")
        if modifier != "alt" or len(letter) != 1:
            return
        event.stop()
        event.prevent_default()
        await self.app.run_action("back", self.app)
        self.app.simulate_key(letter)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        line = shown_line(event.text, MOST)
        room = MOST - len(self.value) + len(self.selected_text)
        self.replace(line[:room], *self.selection)

    def action_copy_or_quit(self) -> None:
        """Copy what is selected; with nothing selected, end as in any other program."""
        if self.selected_text:
            self.action_copy()
        else:
            self.app.exit()
