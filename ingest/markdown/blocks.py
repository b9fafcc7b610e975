"""Token stream -> the flat list of blocks, each with its heading path, every dialect reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from ingest.markdown.block import TITLE_LENGTH, Block, BlockKind
from ingest.markdown.clean import clean
from ingest.markdown.grammar import tokenize
from ingest.markdown.inline import Inline, read_inline, without_tags
from kb.types import LineSpan

_CHECK_BOX = re.compile(r"\[([ xX])\](?:\s+|$)")


def read_blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks of a document given as clean source lines, in order."""
    reader = _Reader()
    for token in tokenize("\n".join(lines)):
        handler = _HANDLERS.get(token.type)
        if handler:
            handler(reader, token)
    return reader.blocks


@dataclass(slots=True)
class _Item:
    """A list item being read: the number it has, and whether its text is still to come."""

    number: str
    fresh: bool = True


class _Reader:
    """Walks the tokens once, keeping the open headings, lists and quotations."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.headings: list[tuple[int, str]] = []
        self.items: list[_Item] = []
        self.quotes: list[dict[str, str]] = []
        self.quote_number = 0
        self.span = LineSpan(1, 1)
        self.heading_level = 0
        self.rows: list[list[str]] | None = None

    def add(
        self,
        kind: BlockKind,
        inline: Inline,
        span: LineSpan,
        *,
        level: int = 0,
        marker: str = "",
        checked: bool | None = None,
        language: str = "",
    ) -> None:
        """Add a block with the headings, lists and quotation now open around it."""
        callout = self.quotes[0] if self.quotes else {}
        self.blocks.append(
            Block(
                kind=kind,
                text=inline.text,
                span=span,
                section=tuple(title for _, title in self.headings),
                level=level,
                depth=len(self.items),
                quote=self.quote_number if self.quotes else 0,
                marker=marker,
                checked=checked,
                language=language,
                label=inline.label,
                rest=inline.rest,
                callout=callout.get("callout", ""),
                callout_title=clean(callout.get("title", "")),
                links=inline.links,
                wikilinks=inline.wikilinks,
                formulas=inline.formulas,
            )
        )

    def open_block(self, token: Token) -> None:
        self.span = _lines(token)

    def open_heading(self, token: Token) -> None:
        self.span = _lines(token)
        self.heading_level = int(token.tag[1:])

    def open_item(self, token: Token) -> None:
        self.items.append(_Item(token.info))

    def close_item(self, _token: Token) -> None:
        self.items.pop()

    def open_quote(self, token: Token) -> None:
        if not self.quotes:
            self.quote_number += 1
        self.quotes.append(token.meta)

    def close_quote(self, _token: Token) -> None:
        self.quotes.pop()

    def open_table(self, token: Token) -> None:
        self.span = _lines(token)
        self.rows = []

    def open_row(self, _token: Token) -> None:
        if self.rows is not None:
            self.rows.append([])

    def close_table(self, _token: Token) -> None:
        rows, self.rows = self.rows or [], None
        text = "\n".join(" | ".join(row) for row in rows)
        self.add("table", Inline(text), self.span)

    def inline(self, token: Token) -> None:
        """Read the text of a table cell, a heading, an item or a paragraph."""
        children = token.children or []
        if self.rows is not None:
            self.rows[-1].append(" ".join(read_inline(children).text.split()))
        elif self.heading_level:
            self.heading(read_inline(children))
        else:
            source = _lines(token).start if token.map else self.span.start
            for part, span in _parts(children, self.span, source):
                self.paragraph(part, span)

    def heading(self, inline: Inline) -> None:
        """Open a section; inside a list or quotation a heading is just text."""
        level, self.heading_level = self.heading_level, 0
        if self.items or self.quotes:
            self.add("paragraph", inline, self.span)
            return
        while self.headings and self.headings[-1][0] >= level:
            self.headings.pop()
        self.headings.append((level, " ".join(inline.text.split())[:TITLE_LENGTH]))
        self.add("heading", inline, self.span, level=level)

    def paragraph(self, children: Sequence[Token], span: LineSpan) -> None:
        """Add a paragraph; the first one of a list item is the item."""
        item = self.items[-1] if self.items else None
        if item is None or not item.fresh:
            self.add("paragraph", read_inline(children), span)
            return
        item.fresh = False
        checked, rest = _task(children)
        self.add("item", read_inline(rest), span, marker=item.number, checked=checked)

    def code(self, token: Token) -> None:
        """Add a fenced or an indented code block."""
        kind: BlockKind = "fence" if token.type == "fence" else "indented"
        words = clean(token.info).split()
        self.add(
            kind,
            Inline(clean(token.content).strip("\n").rstrip()),
            _lines(token),
            language=words[0].strip("{}.").lower() if words else "",
            marker=token.markup,
        )

    def math(self, token: Token) -> None:
        self.add("math", Inline(clean(token.content).strip()), _lines(token))

    def html(self, token: Token) -> None:
        self.add("html", Inline(without_tags(token.content)), _lines(token))

    def rule(self, token: Token) -> None:
        self.add("rule", Inline(""), _lines(token))


_HANDLERS: dict[str, Callable[[_Reader, Token], None]] = {
    "paragraph_open": _Reader.open_block,
    "heading_open": _Reader.open_heading,
    "list_item_open": _Reader.open_item,
    "list_item_close": _Reader.close_item,
    "blockquote_open": _Reader.open_quote,
    "blockquote_close": _Reader.close_quote,
    "table_open": _Reader.open_table,
    "tr_open": _Reader.open_row,
    "table_close": _Reader.close_table,
    "inline": _Reader.inline,
    "fence": _Reader.code,
    "code_block": _Reader.code,
    "math_block": _Reader.math,
    "math_block_label": _Reader.math,
    "html_block": _Reader.html,
    "hr": _Reader.rule,
}


def _lines(token: Token) -> LineSpan:
    """Return the lines of a token; markdown-it counts from 0 and leaves the end out."""
    start, end = token.map or (0, 1)
    return LineSpan(start + 1, max(start + 1, end))


def _task(children: Sequence[Token]) -> tuple[bool | None, Sequence[Token]]:
    """Take the check box off a task: whether it is ticked (None without one), and the rest.

    The task list plugin looks for each item's list from its start: 82 s for 250 kB of tasks.
    """
    found = _CHECK_BOX.match(children[0].content) if children else None
    if not found:
        return None, children
    text = children[0].copy(content=children[0].content[found.end() :])
    return found.group(1) != " ", [text, *children[1:]]


def _parts(
    children: Sequence[Token], span: LineSpan, first_line: int
) -> Iterator[tuple[Sequence[Token], LineSpan]]:
    """Cut a paragraph before each of its lines that starts with a bold label.

    `**Problem:** ...` and `**Fix:** ...` on successive lines are one paragraph to Markdown
    and two to whoever wrote them.
    """
    breaks = [i for i, token in enumerate(children) if token.type in ("softbreak", "hardbreak")]
    ends = [*breaks[1:], len(children)]
    cuts: list[tuple[int, int]] = []
    if first_line + len(breaks) == span.end:
        for number, (at, end) in enumerate(zip(breaks, ends, strict=False), start=1):
            starts_bold = at + 1 < end and children[at + 1].type in ("strong_open", "text")
            if starts_bold and read_inline(children[at + 1 : end]).rest:
                cuts.append((at + 1, first_line + number))
    previous, start = 0, span.start
    for at, line in cuts:
        yield children[previous:at], LineSpan(start, line - 1)
        previous, start = at, line
    yield children[previous:], LineSpan(start, span.end)
