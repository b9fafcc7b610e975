"""What can be done on Browse and Methods, beside what can be done everywhere."""

from __future__ import annotations

from tui.action import Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "browse.filter", ("i",), "filter", "Filter", "browse: Filter list",
        "Keep what holds every word you type; family:, status: and method: ask for one field.",
        ("browse", "methods"), 20,
    ),
    Action(
        "browse.shelves", ("s",), "shelves", "Shelves", "browse: Go to shelves",
        "Families, statuses or methods with how much stands on each; enter lists one, s goes back.",
        ("browse", "methods"), 21,
    ),
    Action(
        "browse.group", ("v",), "next_grouping", "Group by", "browse: Change grouping",
        "Group the catalogue by family, by status or by method.", ("browse",), 22,
    ),
    Action(
        "browse.add", ("plus", "I"), "add_notes", "Add notes", "browse: Add notes",
        "Ingest a Markdown file, a folder or a vault; the report says what was found.",
        ("browse",), 23,
    ),
    Action(
        "browse.remove", ("R",), "remove_document", "Remove", "browse: Remove document",
        "Take a document of yours out of your store, after a question; the file stays.",
        ("browse",), 24,
    ),
    Action(
        "browse.next_part", ("n",), "next_part(1)", "Next part", "browse: Go to next part",
        "The next fix or reference of an entry, the next section of a long document.",
        ("browse", "methods"), 30,
    ),
    Action(
        "browse.previous_part", ("N",), "next_part(-1)", "Part before", "browse: Go to part before",
        "The fix, reference or section before.", ("browse", "methods"),
    ),
    Action(
        "browse.next_listed", ("right_square_bracket",), "next_listed(1)", "Next page",
        "browse: Open next page", "The page below in the list, without leaving this one.",
        ("browse", "methods"),
    ),
    Action(
        "browse.previous_listed", ("left_square_bracket",), "next_listed(-1)", "Page before",
        "browse: Open page before", "The page above in the list, without leaving this one.",
        ("browse", "methods"),
    ),
    Action(
        "browse.reference", ("o",), "open_reference", "Reference", "browse: Open reference",
        "Copy the address of the chosen reference, or of the first, and open it in a browser.",
        ("browse",),
    ),
)  # fmt: skip
