"""The one action table: key bindings, footer, `?`, palette and docs/tui.md are generated from it.

To add an action: one row in the folder of its screen (`tui/<screen>/actions.py`) and a method
`action_<does>` on that screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.action import Action, Place
from tui.app_actions import ACTIONS as APP
from tui.ask.actions import ACTIONS as ASK
from tui.browse.actions import ACTIONS as BROWSE
from tui.compare.actions import ACTIONS as COMPARE
from tui.fixes.actions import ACTIONS as FIXES
from tui.numbers.actions import ACTIONS as NUMBERS
from tui.run.actions import ACTIONS as RUN

if TYPE_CHECKING:
    from textual.binding import Binding

ACTIONS: tuple[Action, ...] = (*APP, *ASK, *RUN, *FIXES, *BROWSE, *COMPARE, *NUMBERS)


def actions_of(place: Place) -> tuple[Action, ...]:
    """Return the rows that belong to one place, in table order."""
    return tuple(action for action in ACTIONS if place in action.places)


def bindings_of(place: Place) -> list[Binding]:
    """Return the bindings of a screen (or of the app), for its BINDINGS."""
    return [action.binding() for action in actions_of(place)]


def action_of(action_id: str) -> Action:
    """Return the row of this id. KeyError when there is none."""
    return next(action for action in ACTIONS if action.id == action_id)
