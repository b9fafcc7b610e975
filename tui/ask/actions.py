"""What can be done on the Ask screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "ask.next",
        ("n",),
        "next_result(1)",
        "Next",
        "ask: Open next result",
        "Open the result below the current one.",
        ("ask",),
    ),
    Action(
        "ask.previous",
        ("N",),
        "next_result(-1)",
        "Previous",
        "ask: Open previous result",
        "Open the result above the current one.",
        ("ask",),
    ),
    Action(
        "ask.reference",
        ("o",),
        "open_reference",
        "Reference",
        "ask: Open reference",
        "Copy the address of the entry's next reference, and open it where there is a browser.",
        ("ask",),
        50,
    ),
)
