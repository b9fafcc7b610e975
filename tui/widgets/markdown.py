"""Markdown of any origin as blocks of a page: headings, lists, tables, code; nothing is obeyed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from textual.content import Content

from assistant.render.table import table_rows
from kb.plain_text import plain
from tui.plain import shown
from tui.widgets.page import Block

STEPS = "suggested next steps"
REFERENCES = "references"

_FENCE = re.compile(r"^\s*(```+|~~~+)")
_HEADING = re.compile(r"^(#{1,6}) +(.*)$")
_ITEM = re.compile(r"^(?P<indent>\s*)(?P<mark>[-*+]|\d+[.)])\s+(?P<text>.*)$")
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)(.{1,400}?)(?<!`)\1(?!`)", re.DOTALL)
_STRONG = re.compile(r"\*\*(?=\S)(.{1,400}?)(?<=\S)\*\*", re.DOTALL)
_PLACES = "\ue000\ue001\ue002"
"""Stand for a code span, and for begin and end of bold words, while other marks are dropped."""

DEEPEST = 12
"""Columns that a list is indented at most."""


def blocks_of(
    markdown: str,
    room: int,
    steps: Mapping[int, int] | None = None,
    references: Mapping[str, int] | None = None,
) -> list[Block]:
    """Return the blocks; tables are laid out for `room` columns.

    `steps` maps the numbers of the list below `Suggested next steps`, and `references` what
    stands in code below `References`, to items of the page.
    """
    reader = _Reader(room, steps or {}, references or {})
    for line in shown(markdown).split("\n"):
        reader.read(line)
    reader.flush()
    return reader.blocks


def inline(text: str) -> Content:
    """Return a paragraph with code and bold words styled, other marks and link targets dropped."""
    codes: list[str] = []

    def hide(found: re.Match[str]) -> str:
        codes.append(found[2].strip())
        return _PLACES[0]

    clean = re.sub(f"[{_PLACES}]", "", text)
    clean = _STRONG.sub(rf"{_PLACES[1]}\1{_PLACES[2]}", _CODE.sub(hide, clean))
    parts: list[Content] = []
    bold = False
    waiting = iter(codes)
    for piece in re.split(f"([{_PLACES}])", plain(clean)):
        if piece == _PLACES[0]:
            parts.append(Content.styled(next(waiting, ""), "$text-secondary"))
        elif piece in (_PLACES[1], _PLACES[2]):
            bold = piece == _PLACES[1]
        elif piece:
            parts.append(Content.styled(piece, "bold") if bold else Content(piece))
    return Content("").join(parts)


class _Reader:
    """Collects lines into paragraphs, tables and code, and makes a block of each as it ends."""

    def __init__(self, room: int, steps: Mapping[int, int], references: Mapping[str, int]) -> None:
        self.blocks: list[Block] = []
        self._room = room
        self._steps = steps
        self._references = references
        self._under = ""
        self._item: int | None = None
        self._paragraph: list[str] = []
        self._table: list[str] = []
        self._code: list[str] | None = None
        self._fence = ""
        self._space = False
        self._headed = False

    def read(self, line: str) -> None:
        fence = _FENCE.match(line)
        if self._code is not None:
            if fence and fence[1].startswith(self._fence):
                self.flush()
            else:
                self._code.append(line)
        elif fence:
            self.flush()
            self._code, self._fence = [], fence[1]
        elif line.lstrip().startswith("|"):
            self._end_paragraph()
            self._table.append(line)
        elif found := _HEADING.match(line):
            self.flush()
            self._heading(len(found[1]), found[2])
        elif not line.strip():
            self.flush()
            self._space = not self._headed
        else:
            self._end_table()
            if _ITEM.match(line):
                self._end_paragraph()
            self._paragraph.append(line)

    def flush(self) -> None:
        self._end_paragraph()
        self._end_table()
        if self._code is not None:
            self._add(replace(_code(self._code), item=self._item))
            self._code = None

    def _heading(self, level: int, text: str) -> None:
        self._under, self._item = plain(text).lower(), None
        style = "bold" if level == 1 else "$text-primary bold" if level == 2 else "underline"
        self._space = True
        self._add(Block(Content.styled(plain(text), style)))
        self._headed = level > 1

    def _end_paragraph(self) -> None:
        if not self._paragraph:
            return
        first, *rest = self._paragraph
        self._paragraph = []
        found = _ITEM.match(first)
        depth = min(len(found["indent"] if found else first) - (
            0 if found else len(first.lstrip())), DEEPEST)  # fmt: skip
        if found is None:
            words = " ".join(one.strip().removeprefix(">") for one in (first, *rest))
            if depth == 0:
                self._item = None
            quoted = first.lstrip().startswith(">")
            lead = Content.styled("│ ", "dim") if quoted else Content(" " * depth)
            self._add(Block(inline(words), lead, lead.cell_length, self._item))
            return
        words = " ".join([found["text"], *(one.strip() for one in rest)])
        if depth == 0:
            self._item = self._item_of(found["mark"], words)
        number = found["mark"][0].isdigit()
        mark = f"{found['mark'] if number else '●'} "
        head = Content(" " * depth) + Content.styled(mark, "$text-accent bold" if number else "dim")
        self._add(Block(inline(words), head, head.cell_length, self._item))

    def _item_of(self, mark: str, words: str) -> int | None:
        if self._under == STEPS and mark[0].isdigit():
            return self._steps.get(int(mark[:-1][:6]))
        if self._under == REFERENCES and (code := _CODE.search(words)):
            return self._references.get(code[2].strip())
        return None

    def _end_table(self) -> None:
        rows, self._table = self._table, []
        if not rows:
            return
        lines = [
            Content.styled(line, "dim") if head else Content(line)
            for line, head in table_rows(rows, max(self._room - 1, 10))
        ]
        self._add(Block(Content("\n").join(lines), item=self._item, verbatim=True))

    def _add(self, block: Block) -> None:
        self.blocks.append(replace(block, space=self._space and bool(self.blocks)))
        self._space = self._headed = False


def _code(lines: list[str]) -> Block:
    filled = [line for line in lines if line.strip()]
    common = min((len(line) - len(line.lstrip()) for line in filled), default=0)
    text = "\n".join(line[common:] for line in lines)
    return Block(Content.styled(text, "$text-secondary"), "  ", 2, verbatim=True)
