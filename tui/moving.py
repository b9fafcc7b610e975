"""The letter keys that move: each does what the arrow keys of the focused widget do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

_ACTIONS: dict[str, tuple[str, ...]] = {
    "down": ("cursor_down", "scroll_down"),
    "up": ("cursor_up", "scroll_up"),
    "top": ("first", "scroll_home", "scroll_top"),
    "bottom": ("last", "scroll_end", "scroll_bottom"),
}
"""Where to move, and the actions of Textual's lists, tables and scrolling panes that do it."""


def move(widget: Widget | None, where: str) -> None:
    """Move in `widget` as the arrow, home and end keys do."""
    for name in _ACTIONS[where]:
        method = getattr(widget, f"action_{name}", None)
        if method is not None:
            method()
            return


def focus_beside(screen: Screen[object], by: int) -> None:
    """Focus the pane after or before; the query box is not one of them."""
    from textual.widgets import Input

    chain = [one for one in screen.focus_chain if not isinstance(one, Input)]
    if not chain:
        return
    focused = screen.focused
    at = chain.index(focused) if focused in chain else (-1 if by > 0 else 0)
    chain[(at + by) % len(chain)].focus()
