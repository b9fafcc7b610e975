"""A passage of a method document or note as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from tui.ask.prose import prose
from tui.plain import shown, shown_line
from tui.widgets.page import Block, Item

if TYPE_CHECKING:
    from assistant.answer import Hit, Topic


def passage_page(hit: Hit) -> tuple[list[Block], list[Item]]:
    """Return a passage with where it stands, and what refutes it where something does."""
    title = shown_line(hit.section[-1] if hit.section else hit.source)
    place = f"{shown_line(hit.source)}:{hit.line_start}"
    owner = "yours" if hit.owner == "user" else "method document"
    blocks = [
        Block(Content.styled(title, "bold")),
        Block(Content.styled(f"{owner} · {place}", "$muted")),
    ]
    if hit.truth:
        blocks.append(
            Block(Content(shown(hit.truth)), Content.styled("does not hold: ", "$text-error"), 2)
        )
    body = prose(hit.text, 0)
    if body:
        body[0] = Block(body[0].text, body[0].first, body[0].indent, space=True)
    return blocks + body, [Item("passage", place, f"the passage “{title}”", shown(hit.text))]


def topic_page(topic: Topic) -> list[Block]:
    """Return a near topic, which is not an answer."""
    return [
        Block(Content.styled(shown_line(topic.title), "bold")),
        Block(Content.styled(f"{shown_line(topic.id)} · near, not an answer", "$muted")),
        Block(
            Content("Nothing fits your words well enough; this is only the closest page. "
                    "Enter opens it."),
            space=True,
        ),
    ]  # fmt: skip
