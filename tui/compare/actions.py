"""What can be done on the Compare screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "compare.choose", ("b",), "choose", "Other runs", "compare: Choose other runs",
        "Choose the two runs anew.", ("compare",), footer=20,
    ),
    Action(
        "compare.swap", ("w",), "swap", "Swap", "compare: Swap the runs",
        "Let A and B change places.", ("compare",), footer=24,
    ),
    Action(
        "compare.again", ("r",), "read_again", "Read again", "compare: Read both again",
        "Read both runs again, for what they logged since.", ("compare",), footer=25,
    ),
)  # fmt: skip
