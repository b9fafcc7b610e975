"""The last line: at most six keys, those that work now, from the action table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.actions import ACTIONS

if TYPE_CHECKING:
    from textual.app import RenderResult
    from textual.events import Click
    from textual.screen import Screen

MOST = 6
"""Keys shown; more are not read (STYLE section 2)."""

_RANKED = {action.id: action.footer for action in ACTIONS if action.footer is not None}


class KeyFooter(Widget):
    """Shows the keys that apply where the focus is; each can be clicked."""

    def on_mount(self) -> None:
        """Follow every change of focus, screen and what is allowed."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    async def on_click(self, event: Click) -> None:
        """Do what the clicked key does, where the focus is."""
        if event.style.meta.get("runs"):
            node = self.screen.focused or self.screen
            await node.run_action(event.style.meta["runs"])

    def render(self) -> RenderResult:
        """Return the line."""
        shown = [
            active.binding
            for active in self.screen.active_bindings.values()
            if active.binding.id in _RANKED and active.enabled
        ]
        shown.sort(key=lambda binding: _RANKED[binding.id or ""] or 0)
        seen: set[str | None] = set()
        parts: list[Content] = []
        for binding in shown:
            if binding.id in seen or len(seen) == MOST:
                continue
            seen.add(binding.id)
            key = self.app.get_key_display(binding)
            click = Style.from_meta({"runs": binding.action})
            parts.append(
                Content.assemble(
                    Content.styled(f" {key} ", "$footer-key-foreground bold"),
                    Content.styled(f"{binding.description} ", "$footer-foreground"),
                ).stylize(click)
            )
        return Content(" ").join(parts)
