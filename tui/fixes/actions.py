"""What can be done on the Fixes screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = ()
