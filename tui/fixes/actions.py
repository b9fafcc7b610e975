"""What can be done on the Fixes screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "fixes.helped",
        ("w",),
        "mark('helped')",
        "Helped",
        "fixes: Mark fix as helped",
        "Remember that it worked, with the date and the attached run; again takes it back.",
        ("fixes",),
        20,
    ),
    Action(
        "fixes.did_not",
        ("x",),
        "mark('did-not')",
        "Did not",
        "fixes: Mark fix as no help",
        "Remember that it did not help: it moves below what is untried; again takes it back.",
        ("fixes",),
        21,
    ),
    Action(
        "fixes.tried",
        ("m",),
        "mark('tried')",
        "Tried",
        "fixes: Mark fix as tried",
        "Remember that you tried it and wait for the outcome; again takes it back.",
        ("fixes",),
        22,
    ),
    Action(
        "fixes.unmark",
        ("u",),
        "unmark",
        "Unmark",
        "fixes: Unmark fix",
        "Forget what you said of it.",
        ("fixes",),
    ),
    Action(
        "fixes.filter",
        ("i",),
        "filter",
        "Filter",
        "fixes: Filter list",
        "Keep the fixes that hold every word you type: title, cause, setting, cost or mark.",
        ("fixes",),
        23,
    ),
    Action(
        "fixes.entry",
        ("o",),
        "open_entry",
        "Open cause",
        "fixes: Open cause",
        "Read the whole page of the diagnosis that the fix is for.",
        ("fixes",),
    ),
)
