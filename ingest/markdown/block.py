"""The block: one heading, paragraph, list item, fence or table, with where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kb.types import LineSpan

BlockKind = Literal[
    "heading",
    "paragraph",
    "item",
    "fence",
    "indented",
    "math",
    "table",
    "html",
    "rule",
    "head",
    "wrapper",
    "chat",
]
"""What a block is. `head` is the YAML head, `wrapper` a fence line that wraps the whole
document, `chat` a sentence addressed to whoever asked for the document."""

TITLE_LENGTH = 300
"""Characters of a heading that are kept in paths and matched, a choice."""


@dataclass(frozen=True, slots=True)
class Block:
    """A leaf of the document. `text` is plain, with the line breaks of the source.

    `section` is the path of headings above it (a heading ends its own path). `depth` counts
    the lists around it, `quote` numbers the quotation it belongs to (0 for none), `marker`
    names a fence's characters or an ordered item's number.
    """

    kind: BlockKind
    text: str
    span: LineSpan
    section: tuple[str, ...] = ()
    level: int = 0
    depth: int = 0
    quote: int = 0
    marker: str = ""
    checked: bool | None = None
    language: str = ""
    label: str = ""
    rest: str = ""
    callout: str = ""
    callout_title: str = ""
    links: tuple[str, ...] = ()
    wikilinks: tuple[tuple[str, str], ...] = ()
    formulas: tuple[str, ...] = ()

    @property
    def prose(self) -> bool:
        """Say whether the block is running text: a paragraph or a list item."""
        return self.kind in ("paragraph", "item")

    @property
    def flow(self) -> str:
        """Return the text on one line, as a reader of the rendered page sees it."""
        return " ".join(self.text.split())

    @property
    def title(self) -> str:
        """Return a heading's text as it stands in a path, of bounded length."""
        return self.flow[:TITLE_LENGTH]
