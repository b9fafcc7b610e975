"""The Markdown of a fix or cause as blocks: paragraphs wrap, code keeps its lines."""

from __future__ import annotations

import re

from textual.content import Content

from kb.plain_text import plain
from tui.ask.rows import underline
from tui.plain import shown
from tui.widgets.page import Block

_FENCE = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(?P<code>.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
_ITEM = re.compile(r"^\s*(?P<mark>[-*+]|\d+\.)\s+(?P<text>.*)$", re.S)


def prose(
    text: str, indent: int, item: int | None = None, underlined: tuple[str, ...] = ()
) -> list[Block]:
    """Return blocks for `text`, indented; see `code_of` for the code in it."""
    blocks: list[Block] = []
    clean, at = shown(text), 0
    for fence in _FENCE.finditer(clean):
        blocks += _paragraphs(clean[at : fence.start()], indent, item, underlined)
        blocks.append(_code(fence["code"], indent, item))
        at = fence.end()
    return blocks + _paragraphs(clean[at:], indent, item, underlined)


def code_of(text: str) -> str:
    """Return the code blocks of a fix, ready to paste; empty when it has none."""
    return "\n\n".join(_dedented(fence["code"]) for fence in _FENCE.finditer(shown(text)))


def _paragraphs(
    text: str, indent: int, item: int | None, underlined: tuple[str, ...]
) -> list[Block]:
    blocks = []
    for part in re.split(r"\n\s*\n", text):
        if not part.strip():
            continue
        marked = _ITEM.match(part)
        words = plain(marked["text"] if marked else part)
        first = Content(" " * indent + (f"{marked['mark']} " if marked else ""))
        content = underline(Content(words), underlined)
        blocks.append(Block(content, first, first.cell_length, item))
    return blocks


def _code(code: str, indent: int, item: int | None) -> Block:
    text = Content.styled(_dedented(code), "$text-secondary")
    return Block(text, " " * (indent + 2), indent + 2, item, verbatim=True)


def _dedented(code: str) -> str:
    lines = code.rstrip().split("\n")
    common = min((len(one) - len(one.lstrip()) for one in lines if one.strip()), default=0)
    return "\n".join(line[common:] for line in lines)
