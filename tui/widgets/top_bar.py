"""The first line: the screens with their keys, and the state of the attached run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.action import Place
from tui.actions import ACTIONS
from tui.widgets.run_mark import run_mark

if TYPE_CHECKING:
    from textual.app import RenderResult
    from textual.events import Click

TABS = tuple(action for action in ACTIONS if action.id.startswith("screen."))


class TopBar(Widget):
    """Shows which screen this is, how to reach the others, and how the run is."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    async def on_click(self, event: Click) -> None:
        """Show the screen whose tab was clicked."""
        if event.style.meta.get("runs"):
            await self.run_action(event.style.meta["runs"])

    def render(self) -> RenderResult:
        """Return the line."""
        parts: list[Content] = []
        for action in TABS:
            here = action.id == f"screen.{self._place}"
            style = "$background on $primary bold" if here else "$muted"
            tab = Content.styled(f" {action.keys[0]} {action.label} ", style)
            parts.append(tab.stylize(Style.from_meta({"runs": f"app.{action.does}"})))
        tabs = Content("").join(parts)
        mark = run_mark(self.app.session)  # type: ignore[attr-defined]
        room = self.size.width - tabs.cell_length
        if room > 4:
            mark = mark.truncate(room - 1, ellipsis=True)
            tabs += Content(" " * (room - 1 - mark.cell_length)) + mark
        return tabs
