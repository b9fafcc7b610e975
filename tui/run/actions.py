"""What can be done on the Run screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "run.open", ("enter",), "open_entry", "Open entry", "run: Open entry of diagnosis",
        "Open the entry of the leading diagnosis: why, fixes, how to tell it apart.",
        ("run",), footer=20,
    ),
    Action(
        "run.read_left", ("left",), "read(-1)", "Read", "chart: Move cursor left",
        "Read the curves at an earlier step; the first key puts the cursor on the newest.",
        ("run", "compare"), footer=21,
    ),
    Action(
        "run.read_right", ("right",), "read(1)", "Read right", "chart: Move cursor right",
        "Read the curves at a later step.", ("run", "compare"),
    ),
    Action(
        "run.leap_left", ("left_square_bracket", "shift+left"), "read(-10)", "Leap left",
        "chart: Leap left", "Move the cursor ten columns to the left.", ("run", "compare"),
    ),
    Action(
        "run.leap_right", ("right_square_bracket", "shift+right"), "read(10)", "Leap right",
        "chart: Leap right", "Move the cursor ten columns to the right.", ("run", "compare"),
    ),
    Action(
        "run.newest", ("x",), "newest", "Newest", "chart: Take cursor away",
        "Show the newest values again instead of those at the cursor.", ("run", "compare"),
    ),
    Action(
        "run.scale", ("s",), "scale", "Scale", "chart: Switch scale",
        "Change the chosen chart between a linear and a logarithmic scale.",
        ("run", "compare"), footer=22,
    ),
    Action(
        "run.compare", ("b",), "compare_with", "Compare", "compare: Compare run with another",
        "Choose a second run and see where the two part.", ("run",), footer=23,
    ),
)  # fmt: skip
