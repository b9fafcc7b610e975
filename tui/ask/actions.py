"""What can be done on the Ask screen, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "ask.results", ("down",), "into_results", "Results", "ask: Go to the results",
        "From the query box to what was found.", ("ask",), footer=5,
    ),
    Action(
        "ask.next_item", ("n",), "next_item(1)", "Next fix", "ask: Choose the next fix",
        "Step to the next fix or reference of the page, to copy or open it.", ("ask",), footer=20,
    ),
    Action(
        "ask.previous_item", ("N",), "next_item(-1)", "Fix before", "ask: Choose the fix before",
        "Step back to the fix or reference before.", ("ask",),
    ),
    Action(
        "ask.next_result", ("right_square_bracket",), "next_result(1)", "Next result",
        "ask: Open the next result", "Show the result below, without leaving the page.", ("ask",),
    ),
    Action(
        "ask.previous_result", ("left_square_bracket",), "next_result(-1)", "Result before",
        "ask: Open the result before", "Show the result above, without leaving the page.",
        ("ask",),
    ),
    Action(
        "ask.page", ("x",), "explain", "Whole page", "ask: Open the whole page",
        "The entry as it stands in the catalogue, on the Browse screen; of a passage its section "
        "on the Methods screen, or your document on Browse.", ("ask",),
    ),
    Action(
        "ask.reference", ("o",), "open_reference", "Reference", "ask: Open a reference",
        "Open the chosen reference, or the first, in a browser; without one its address is copied.",
        ("ask",),
    ),
    Action(
        "ask.retry", ("r",), "retry", "Try again", "ask: Try again",
        "Ask the question again, after an error.", ("ask",), footer=2,
    ),
)  # fmt: skip
