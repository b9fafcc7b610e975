"""The Markdown grammar: CommonMark, tables, footnotes, dollar math, Obsidian.

Every rule here is bounded, because the text is anybody's: a rule that may look ahead to
the end of the file, once per line, makes a long file quadratic.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_block_dollar
from mdit_py_plugins.footnote import footnote_plugin

from ingest.markdown.obsidian import obsidian_plugin

MAX_NESTING = 32
"""Deepest list or quotation that is read, a choice; what lies deeper is listed as unparsed."""

MAX_INLINE_NESTING = 8
"""Deepest link or image text that is read, a choice: every level reads its brackets again."""

MATH_BLOCK_LINES = 64
"""Lines within which a `$$` block has to close, a choice: longer ones are no formula."""

INLINE_PIECE = 4096
"""Characters handed to the inline parser at once, a choice: its worst cases are quadratic."""

_MARKUP = re.compile(r"[\\`*_\[\]<&$~^!\n]")


@cache
def grammar(max_nesting: int = MAX_NESTING) -> MarkdownIt:
    """Return the parser with this bound; it keeps no state between texts."""
    md = MarkdownIt("commonmark", {"maxNesting": max_nesting}).enable(["table", "strikethrough"])
    md.use(dollarmath_plugin, allow_space=False, allow_digits=False, double_inline=True)
    md.use(footnote_plugin).disable(["footnote_tail", "footnote_inline"])
    md.use(obsidian_plugin)
    md.block.ruler.at("math_block", _math_block, {"alt": ["paragraph", "reference", "list"]})
    md.core.ruler.at("inline", _inline)
    return md


def tokenize(text: str) -> list[Token]:
    """Return the block tokens of `text`, inline tokens as their children."""
    return grammar().parse(text)


_dollar_block = math_block_dollar(allow_labels=True, allow_blank_lines=False)


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a `$$` block that closes within `MATH_BLOCK_LINES`.

    The plugin's own rule writes its token even when it is only asked whether it matches,
    so a silent call takes the token back.
    """
    line, count = state.line, len(state.tokens)
    matched = bool(_dollar_block(state, start, min(end, start + MATH_BLOCK_LINES), False))
    if silent and matched:
        state.line = line
        del state.tokens[count:]
    return matched


def _inline(state: StateCore) -> None:
    """Parse inline text piece by piece, and not at all where it holds no markup."""
    md = grammar(MAX_INLINE_NESTING)
    for token in state.tokens:
        if token.type != "inline":
            continue
        token.children = []
        if not _MARKUP.search(token.content):
            token.children.append(Token("text", "", 0, content=token.content))
            continue
        for piece in _pieces(token.content):
            children: list[Token] = []
            md.inline.parse(piece, md, state.env, children)
            token.children.extend(children)


def _pieces(text: str) -> Iterator[str]:
    """Cut text into pieces of bounded length, at white space where there is some."""
    start = 0
    while len(text) - start > INLINE_PIECE:
        limit = start + INLINE_PIECE
        cut = max(text.rfind("\n", start, limit), text.rfind(" ", start, limit)) + 1
        if cut <= start:
            cut = limit
        yield text[start:cut]
        start = cut
    yield text[start:]
