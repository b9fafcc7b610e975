"""Reading notes in the manner of Obsidian and Zotero: quotations with pages, own remarks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.markdown.block import Block
from ingest.markdown.page import Page, Reading
from ingest.markdown.prose import Style, write_blocks, write_text
from ingest.markdown.writer import Writer
from kb.types import LineSpan

NAME = "reading_notes"
THRESHOLD = 0.5
"""Half of the text is quotations with a page, or a head and Obsidian's marks say so."""

LINK_WORDS = 4
"""Words of a line that is no remark but a link to the source, a choice."""

_OPENING = tuple("“\"«„‘'")
_CITATION = re.compile(
    r"[”\"»“’'][ \t]*\((?P<citation>[^()]{0,200}(?:\([^()]{0,80}\)[^()]{0,200})?)\)"
    r"(?:[ \t]*\([^()]{1,80}\))?[ \t.]*$"
)
_CITATION_LENGTH = 700
_PAGE = re.compile(r"\b(?:pp?\.|pages?)[ \t]*(?P<page>(?:\d+|[ivxlc]+)(?:[-–](?:\d+|[ivxlc]+))?)")
_YEAR = re.compile(r"\b(?:1[89]|20)\d\d[a-z]?\b")
_BIBLIOGRAPHY = re.compile(
    r"^(?:authors?|year|date|tags|url|doi|citekey|title|journal|venue)[ \t]*:", re.I | re.M
)


@dataclass(frozen=True, slots=True)
class _Quotation:
    """The quoted words, and where they come from."""

    text: str
    citation: str
    page: str


def score(blocks: Sequence[Block]) -> float:
    """Return the share of text that is quotations; a bibliographic head and Obsidian add to it."""
    text = [block for block in blocks if block.prose]
    quoted = sum(1 for block in text if _has_page(block))
    head = next((block.text for block in blocks if block.kind == "head"), "")
    bibliographic = len({name.lower() for name in _BIBLIOGRAPHY.findall(head)}) >= 2
    obsidian = any(block.callout or block.wikilinks for block in blocks)
    if not text:
        return 0.0
    return quoted / len(text) + 0.25 * bibliographic + 0.25 * obsidian


def read(page: Page) -> Reading:
    """Write quotations with page and citation, and what the reader noted around them."""
    out = Writer(page)
    pending: list[Block] = []
    about = ""
    for block in page.blocks:
        if block.kind == "heading":
            _write_notes(out, pending, about)
            about = ""
        for part in _parts(block):
            quotation = _quotation(part)
            if quotation:
                _write_notes(out, pending, about)
                about = _write_quotation(out, part, quotation)
            else:
                pending.append(part)
    _write_notes(out, pending, about)
    return Reading(out.passages())


def _write_notes(out: Writer, pending: list[Block], about: str) -> None:
    """Write and empty what was noted since the last quotation."""
    attributes = {"about": about} if about else {}
    notes = Style(kind="note", attributes=attributes)
    start = 0
    for i, block in enumerate(pending):
        if block.prose and block.links and len(block.flow.split()) <= LINK_WORDS:
            write_blocks(out, pending[start:i], notes)
            link = Style(kind="reference", attributes={"url": block.links[0]})
            write_text(out, block.flow, block.span, block, link)
            start = i + 1
    write_blocks(out, pending[start:], notes)
    pending.clear()


def _write_quotation(out: Writer, block: Block, quotation: _Quotation) -> str:
    attributes = {"citation": quotation.citation}
    if quotation.page:
        attributes["page"] = quotation.page
    style = Style(kind="quote", attributes=attributes)
    plain = replace(block, callout="")
    return write_text(out, quotation.text, block.span, plain, style).key


def _parts(block: Block) -> list[Block]:
    """Cut a paragraph at the lines that open a quotation, when each line stands for itself."""
    lines = block.text.split("\n")
    first = block.span.end - len(lines) + 1
    starts = [i for i, line in enumerate(lines) if i and line.startswith(_OPENING)]
    if not block.prose or not starts or first < block.span.start:
        return [block]
    parts: list[Block] = []
    for start, end in zip([0, *starts], [*starts, len(lines)], strict=True):
        span = LineSpan(first + start if start else block.span.start, first + end - 1)
        parts.append(replace(block, text="\n".join(lines[start:end]), span=span))
    return parts if all(_quotation(part) for part in parts) else [block]


def _quotation(block: Block) -> _Quotation | None:
    """Read `“words” (Author, year, p. 12)`; words in quotation marks alone are no citation."""
    if not block.prose or not block.text.startswith(_OPENING):
        return None
    text = block.flow
    tail = max(0, len(text) - _CITATION_LENGTH)
    found = _CITATION.search(text, tail)
    if not found:
        return None
    citation = found["citation"].strip()
    page = _PAGE.search(citation)
    if not page and not _YEAR.search(citation):
        return None
    return _Quotation(text[1 : found.start()].strip(), citation, page["page"] if page else "")


def _has_page(block: Block) -> bool:
    return any((quotation := _quotation(part)) and quotation.page for part in _parts(block))
