"""What the Fixes screen says above its list, and instead of it when there is nothing to list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from assistant.worklist import STATES
from tui.plain import shown_line
from tui.widgets.page import Block, heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assistant.worklist import WorkItem, Worklist
    from tui.session import Session

_COUNTED = {
    "to try": "to try",
    "tried": "tried",
    "helped": "helped",
    "did-not": "did not help",
    "already so": "already so",
}


def about(session: Session, found: Worklist | None, listed: Sequence[WorkItem]) -> Content:
    """Return the line above the list: what it is for, and how many are in each state."""
    if found is None:
        return Content.styled("reading", "dim")
    subject = _subject(session)
    if subject is None and not found.items:
        said = Content.styled("The worklist", "bold")
    elif subject is None:
        said = Content.styled("Everything you marked so far", "bold")
    else:
        said = Content.styled("for ", "dim") + Content.styled(subject, "bold")
    counts = [
        f"{count} {_COUNTED[state]}"
        for state in STATES
        if (count := sum(item.state == state for item in listed))
    ]
    if len(listed) < len(found.items):
        counts.append(f"{len(found.items) - len(listed)} filtered out")
    return Content.styled("  · ", "dim").join(
        [said, *(Content.styled(one, "dim") for one in counts)]
    )


def _subject(session: Session) -> str | None:
    """Return the question, the run, or both; None when neither is there."""
    parts = [f"“{shown_line(session.query, 60)}”"] if session.query else []
    if session.run_path is not None:
        parts.append(shown_line(session.run_path.name or str(session.run_path), 30))
    elif session.numbers is not None:
        parts.append(f"{len(session.numbers)} numbers")
    return " and ".join(parts) or None


def empty(session: Session, found: Worklist | None, asked: str) -> list[Block]:
    """Return what stands instead of the list: why it is empty, and what fills it."""
    if found is None:
        return [Block(Content.styled("Reading the worklist …", "dim"))]
    if found.items:
        return [
            *_titled(f"No fix holds “{shown_line(asked, 60)}”"),
            Block(Content("It looks in title, cause, setting, cost and mark.")),
            *_keys([("esc", "clear the filter")]),
        ]  # fmt: skip
    if found.verdict == "healthy":
        return [
            *_titled("✓ The run looks healthy"),
            Block(Content("There is nothing to fix. The Run screen shows what was checked.")),
            *_keys([("2", "see the run")]),
        ]  # fmt: skip
    if _subject(session) is not None:
        return [
            *_titled("○ Nothing fits well enough to propose a fix"),
            Block(Content("Say more of what you see: the method, the metric and its value.")),
            *_keys([("1", "change the question"), ("a", "attach the run"),
                    ("p", "paste its numbers")]),
        ]  # fmt: skip
    return [
        *_titled("Nothing to work on yet"),
        Block(
            Content(
                "The fixes of all likely causes are listed here, each once: first what helps most "
                "for the least effort. What you mark as tried, helped or no help is kept."
            )
        ),
        *_keys([("1", "describe what your run does"), ("a", "attach a run"),
                ("p", "paste its numbers")]),
    ]  # fmt: skip


def failed(error: Exception) -> list[Block]:
    """Return what went wrong, and the ways out."""
    return [
        *_titled("✗ The worklist could not be read"),
        Block(Content(shown_line(str(error), 2000))),
        *_keys([("y", "copy this message"), ("1", "back to Ask")]),
    ]


def _titled(title: str) -> list[Block]:
    return [heading(title)]


def _keys(keys: list[tuple[str, str]]) -> list[Block]:
    blocks = []
    for place, (key, does) in enumerate(keys):
        first = Content.styled(f"{key:<5}", "$text-accent bold")
        blocks.append(Block(Content(does), first, 5, space=place == 0))
    return blocks
