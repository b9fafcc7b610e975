"""Inline tokens -> plain text, with what the text pointed to kept beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from ingest.markdown.clean import clean
from ingest.markdown.names import undecorated

LABEL_LENGTH = 80
"""Longest text still taken for a label, a choice: longer ones are sentences."""

_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)(?=[\s/>])[^<>]*>")
_HTML_TAGS = frozenset(
    "a abbr b big blockquote br center cite code col colgroup dd del details div dl dt em "
    "figcaption figure font h1 h2 h3 h4 h5 h6 hr i iframe img input ins kbd li mark ol p pre q "
    "s samp script small span strong style sub summary sup table tbody td tfoot th thead tr tt "
    "u ul var video".split()
)
_PARENTHESIS = re.compile(r"\([^()]*\)\s*:?")


@dataclass(frozen=True, slots=True)
class Inline:
    """One run of text. `label` is a leading `**Label:**`, `rest` the text after it."""

    text: str
    label: str = ""
    rest: str = ""
    links: tuple[str, ...] = ()
    wikilinks: tuple[tuple[str, str], ...] = ()
    formulas: tuple[str, ...] = ()


def read_inline(children: Sequence[Token]) -> Inline:
    """Return plain text (line breaks kept), label, link targets and formulas."""
    text = plain(children).strip()
    label, rest = _label(children, text)
    return Inline(
        text=text,
        label=label,
        rest=rest,
        links=tuple(
            clean(str(token.attrs.get("href", "")))
            for token in children
            if token.type == "link_open"
        ),
        wikilinks=tuple(
            (clean(str(token.meta["target"])), clean(token.content))
            for token in children
            if token.type == "wikilink"
        ),
        formulas=tuple(
            clean(token.content).strip()
            for token in children
            if token.type.startswith("math_inline")
        ),
    )


def plain(children: Iterable[Token]) -> str:
    """Return the text a reader sees: markup gone, entities decoded, breaks as newlines."""
    return clean("".join(_shown(token) for token in children))


def without_tags(html: str) -> str:
    """Return HTML's text: comments and known tags gone, anything else in `<>` kept.

    `<image>` or `List<int>` in a note are words, not markup.
    """
    return clean(_TAG.sub(_replacement, _without_comments(html))).strip()


def _without_comments(html: str) -> str:
    kept: list[str] = []
    position = 0
    while (start := html.find("<!--", position)) >= 0:
        end = html.find("-->", start)
        if end < 0:
            break
        kept.append(html[position:start])
        position = end + len("-->")
    return "".join((*kept, html[position:]))


def _shown(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    if token.type == "html_inline":
        return _TAG.sub(_replacement, _without_comments(token.content))
    return token.content


def _replacement(tag: re.Match[str]) -> str:
    name = tag.group(1).lower()
    if name in ("br", "hr"):
        return "\n"
    return "" if name in _HTML_TAGS else tag.group(0)


def _label(children: Sequence[Token], text: str) -> tuple[str, str]:
    """Find a label: leading bold text set off by a colon or alone, or a short `Words:`."""
    bold = _leading_bold(children)
    if bold is not None:
        label, rest = bold
        after = rest.lstrip()
        alone = not any(c.isalnum() for c in rest) or _PARENTHESIS.fullmatch(after.rstrip())
        if len(label) <= LABEL_LENGTH and (
            label.rstrip().endswith(":") or after.startswith(":") or alone
        ):
            return undecorated(label), undecorated(after.lstrip(":")) if alone else _body(after)
        return "", ""
    if text.endswith(":") and "\n" not in text and len(text) <= LABEL_LENGTH:
        return undecorated(text), ""
    return "", ""


def _body(text: str) -> str:
    return text.lstrip(":").strip()


def _leading_bold(children: Sequence[Token]) -> tuple[str, str] | None:
    """Return (bold text, what follows) when the text starts with bold, ornaments aside."""
    for start, token in enumerate(children):
        if token.type == "strong_open":
            for end in range(start + 1, len(children)):
                if children[end].type == "strong_close":
                    return plain(children[start + 1 : end]).strip(), plain(children[end + 1 :])
            return None
        if token.type != "html_inline" and any(c.isalnum() for c in _shown(token)):
            return None
    return None
