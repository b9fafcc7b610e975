"""A passage of a method document or note as a page."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.content import Content

from tui.ask.prose import prose
from tui.plain import shown, shown_line
from tui.widgets.page import Block, Item

if TYPE_CHECKING:
    from assistant.answer import Hit


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
    body.append(Block(Content.styled(_whole(hit), "$muted"), space=True))
    return blocks + body, [Item("passage", place, f"the passage “{title}”", shown(hit.text))]


def _whole(hit: Hit) -> str:
    """Return where the document that a passage comes from is read whole."""
    if hit.owner == "user":
        return "esc, then x: your document on the Browse screen."
    name = shown_line(PurePath(hit.source).stem)
    return f"esc, then x: this section in its document; or ssl-doctor explain {name}."
