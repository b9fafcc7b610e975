"""Obsidian's two additions to Markdown: `[[target|alias]]` and `> [!type] Title` callouts."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline

_WIKILINK = re.compile(r"!?\[\[([^\[\]|\n]{1,500})(?:\|([^\[\]\n]{0,500}))?\]\]")
_CALLOUT = re.compile(r"\[!([\w-]{1,40})\][+-]?[ \t]*([^\n]*)(?:\n|$)")


def obsidian_plugin(md: MarkdownIt) -> None:
    """Teach a parser wikilinks (token `wikilink`) and callouts (`meta` of a blockquote)."""
    md.inline.ruler.before("link", "wikilink", _wikilink)
    md.core.ruler.after("block", "callout", _callout)


def _wikilink(state: StateInline, silent: bool) -> bool:
    """Read `[[target|alias]]` or an embed `![[target]]`; its content is what is shown."""
    found = _WIKILINK.match(state.src, state.pos)
    if not found:
        return False
    if not silent:
        target = found.group(1).strip()
        token = state.push("wikilink", "", 0)
        token.content = (found.group(2) or "").strip() or target
        token.meta = {"target": target}
    state.pos = found.end()
    return True


def _callout(state: StateCore) -> None:
    """Move a callout's type and title from the quotation's first line to its token.

    The paragraph keeps its lines, so that the callout's first line stays covered.
    """
    for opening, paragraph, inline in zip(
        state.tokens, state.tokens[1:], state.tokens[2:], strict=False
    ):
        if opening.type != "blockquote_open" or paragraph.type != "paragraph_open":
            continue
        found = _CALLOUT.match(inline.content)
        if found:
            opening.meta = {"callout": found.group(1).lower(), "title": found.group(2).strip()}
            inline.content = inline.content[found.end() :]
            if inline.map:
                inline.map[0] += 1


def show_wikilinks(text: str) -> str:
    """Return text with each wikilink replaced by what a reader of the note sees."""
    return _WIKILINK.sub(lambda link: (link.group(2) or link.group(1)).strip(), text)
