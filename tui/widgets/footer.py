"""The last line: at most six keys, those that work now, from the action table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from tui.actions import ACTIONS

if TYPE_CHECKING:
    from textual.app import RenderResult
    from textual.binding import Binding
    from textual.events import Click
    from textual.screen import Screen

MOST = 6
"""Keys shown; more are not read (STYLE section 2)."""

_RANKED = {action.id: action for action in ACTIONS if action.footer is not None}


class KeyFooter(Widget):
    """Shows the keys that apply where the focus is; each can be clicked."""

    def on_mount(self) -> None:
        """Follow every change of focus, screen and what is allowed."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, _screen: Screen[object]) -> None:
        self.refresh()

    async def on_click(self, event: Click) -> None:
        """Do what the clicked key does, where the focus is."""
        for active in self.screen.active_bindings.values():
            if active.binding.id == event.style.meta.get("runs"):
                await self.app.run_action(active.binding.action, active.node)
                return

    def render(self) -> RenderResult:
        """Return the line."""
        parts = [Content.styled(" ")]
        for binding in self._shown():
            text = Content.assemble(
                (self.app.get_key_display(binding), "$accent bold"),
                (f" {binding.description}   ", "$foreground"),
            )
            parts.append(text.stylize(Style.from_meta({"runs": binding.id})))
        return Content("").join(parts)

    def _shown(self) -> list[Binding]:
        """Return the bindings of the six most useful actions that apply, one key each."""
        found: dict[str, list[Binding]] = {}
        for active in self.screen.active_bindings.values():
            name = active.binding.id
            if name in _RANKED and active.enabled:
                found.setdefault(name, []).append(active.binding)
        ranked = sorted(found, key=lambda name: _RANKED[name].footer or 0)[:MOST]
        return [min(found[name], key=_place_of_key) for name in ranked]


def _place_of_key(binding: Binding) -> int:
    """Return which of its action's keys this is; keys that the user chose come first."""
    keys = _RANKED[binding.id or ""].keys
    return keys.index(binding.key) if binding.key in keys else -1
