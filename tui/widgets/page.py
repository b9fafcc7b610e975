"""A page of text with hanging indents, code that keeps its lines, and items to step through.

Lines are laid out once per width, so a long page costs nothing while it is scrolled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

MARK = "▌"
"""Stands before the lines of the item that is chosen, so that colour is not needed to see it."""

WIDEST = 96
"""Columns of running text: longer lines are hard to read."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something on a page that can be copied or opened: `copied` is what goes to the clipboard,
    `what` says what it is, `name` tells which (a fix id, a reference)."""

    kind: str
    name: str
    what: str
    copied: str


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading or code block. `first` stands before its first line, and `indent`
    blanks before the others. `item` is the place of the item it belongs to in the page's items.
    Code (`verbatim`) is cut at the edge instead of wrapped."""

    text: Content
    first: Content | str = ""
    indent: int = 0
    item: int | None = None
    verbatim: bool = False
    space: bool = False
    """Whether a blank line comes before."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page. `aside` parts go to the third pane where there is one."""

    blocks: Sequence[Block]
    items: Sequence[Item] = ()
    aside: bool = False


def joined(sections: Iterable[Section]) -> tuple[list[Block], list[Item]]:
    """Return the sections as one page, items numbered through."""
    blocks: list[Block] = []
    items: list[Item] = []
    for section in sections:
        for block in section.blocks:
            item = None if block.item is None else block.item + len(items)
            blocks.append(replace(block, item=item))
        items += section.items
    return blocks, items


def heading(text: str) -> Block:
    """Return a heading with a blank line before it."""
    return Block(Content.styled(text, "$text-primary bold"), space=True)


class Page(VerticalScroll):
    """Shows blocks. `n` and `N` step through `items`; what is chosen is marked."""

    BINDINGS: ClassVar[list[BindingType]] = []
    ALLOW_MAXIMIZE = True

    class ItemChosen(Message):
        """The chosen item of a page changed."""

        def __init__(self, page: Page, item: Item | None) -> None:
            super().__init__()
            self.page = page
            self.item = item

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._text = Static()
        self.text = Content("")
        self._blocks: Sequence[Block] = ()
        self.items: Sequence[Item] = ()
        self.chosen: int | None = None
        self._first_lines: dict[int, int] = {}
        self._width = 0

    def compose(self) -> ComposeResult:
        """Yield the one widget that holds the text."""
        yield self._text

    def show(
        self, blocks: Sequence[Block], items: Sequence[Item] = (), *, keep: bool = False
    ) -> None:
        """Show other blocks, from the top unless `keep`."""
        self._blocks, self.items = blocks, items
        if not keep or (self.chosen or 0) >= len(items):
            self.chosen = None
        if not keep:
            self.scroll_home(animate=False, immediate=True)
        self._lay_out()

    def on_resize(self) -> None:
        """Wrap again when the width changed."""
        if self._room() != self._width:
            self._lay_out()

    def choose(self, place: int | None) -> None:
        """Mark the item at `place` and bring it into view."""
        self.chosen = place
        self._lay_out()
        if place is not None and place in self._first_lines:
            self.scroll_to(y=max(self._first_lines[place] - 1, 0), animate=False)
        self.post_message(self.ItemChosen(self, self.chosen_item))

    def step(self, by: int) -> bool:
        """Choose the next or previous item; return whether there is any."""
        if not self.items:
            return False
        if self.chosen is None:
            self.choose(0 if by > 0 else len(self.items) - 1)
        else:
            self.choose((self.chosen + by) % len(self.items))
        return True

    @property
    def chosen_item(self) -> Item | None:
        """Return the item that is marked."""
        return None if self.chosen is None else self.items[self.chosen]

    def _room(self) -> int:
        return min(max(self.scrollable_content_region.width, 20), WIDEST)

    def _lay_out(self) -> None:
        self._width = self._room()
        self._first_lines = {}
        lines: list[Content] = []
        for block in self._blocks:
            if block.space and lines:
                lines.append(Content(""))
            if block.item is not None:
                self._first_lines.setdefault(block.item, len(lines))
            lines += lines_of(
                block, self._width - 1, block.item is not None and block.item == self.chosen
            )
        self.text = Content("\n").join(lines)
        self._text.update(self.text)


def lines_of(block: Block, width: int, chosen: bool) -> list[Content]:
    """Return the lines of a block, `width` columns at most beside the mark."""
    lead = Content.styled(MARK, "$accent bold") if chosen else Content(" ")
    first = block.first if isinstance(block.first, Content) else Content(block.first)
    rest = Content(" " * block.indent)
    room = max(width - block.indent, 8)
    if block.verbatim:
        lines = [line.truncate(room, ellipsis=True) for line in block.text.split("\n")]
    else:
        lines = block.text.wrap(room)
    shown = []
    for place, line in enumerate(lines or [Content("")]):
        head = first.pad_right(max(block.indent - first.cell_length, 0)) if place == 0 else rest
        shown.append(Content("").join([lead, head, line.rstrip()]))
    return shown
