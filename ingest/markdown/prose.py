"""Write ordinary blocks as passages: text in readable lengths, code, tables, formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ingest.markdown.block import Block
from ingest.markdown.claims import claims
from ingest.markdown.formula import is_formula, states_relation
from ingest.markdown.names import undecorated
from ingest.markdown.writer import Writer
from kb.types import LineSpan, Passage, PassageKind

PASSAGE_LENGTH = 1_200
"""Length in characters beyond which a section is split: about what the default encoder
reads of a passage (256 word pieces)."""

CAPTION_LENGTH = 200
"""Longest line before a table, formula or code block that is read as its caption, a choice."""

FORMULA_BLOCK = 4_000
"""Longest block whose inline formulas become passages, a choice that bounds repetition."""

_CURVE = re.compile(r"^[ \t]*(?:epoch|step|iter(?:ation)?|after)\w*[ \t]*~?\d", re.I | re.M)
_KIND_OF: Mapping[str, PassageKind] = {"math": "formula", "table": "table", "indented": "code"}


@dataclass(frozen=True, slots=True)
class Style:
    """How a stretch of blocks is written: the kind of its text and code, and whose it is."""

    kind: PassageKind = "section"
    code: PassageKind = "code"
    entry_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    claims: bool = False


def write_blocks(out: Writer, blocks: Sequence[Block], style: Style) -> None:
    """Write blocks in order; every block is covered by at least one passage."""
    chunk: list[Block] = []
    length = 0
    for block in blocks:
        if not block.prose:
            caption = _take_caption(chunk) if block.kind in ("fence", *_KIND_OF) else None
            _write_chunk(out, chunk, style)
            chunk, length = [], 0
            write_solid(out, block, style, caption)
            continue
        # An empty block counts too, so that a chunk never grows without end.
        length += len(block.text) + 1
        if chunk and (not _belongs(chunk[-1], block) or length > PASSAGE_LENGTH):
            _write_chunk(out, chunk, style)
            chunk, length = [], len(block.text) + 1
        chunk.append(block)
    _write_chunk(out, chunk, style)


def write_solid(out: Writer, block: Block, style: Style, caption: Block | None = None) -> None:
    """Write a block that is not running text: code, table, formula, rule, heading, head."""
    if block.kind == "fence":
        _write_code(out, block, fence_kind(block, style.code), style, caption)
    elif block.kind in _KIND_OF:
        _write_code(out, block, _KIND_OF[block.kind], style, caption)
    elif block.kind == "html":
        write_text(out, block.text, block.span, block, style)
    elif block.kind == "heading" and block.level == 1:
        out.add("title", undecorated(block.title), block.span, block.section)
    else:
        write_meta(out, block, block.kind, style.entry_id)


def write_meta(out: Writer, block: Block, role: str, entry_id: str | None = None) -> None:
    """Cover a block that carries structure, not knowledge."""
    out.add(
        "meta",
        block.flow,
        block.span,
        block.section,
        entry_id=entry_id,
        attributes={"role": role},
    )


def write_text(
    out: Writer,
    text: str,
    span: LineSpan,
    block: Block,
    style: Style,
    *,
    attributes: Mapping[str, str] | None = None,
    markdown: str | None = None,
) -> Passage:
    """Write one text with the style's kind, entry and attributes; a callout is a note."""
    callout = {"callout": block.callout, "title": block.callout_title} if block.callout else {}
    running = style.kind not in ("formula", "claim")
    return out.add(
        "note" if block.callout and running else style.kind,
        text,
        span,
        block.section,
        entry_id=style.entry_id,
        attributes={**style.attributes, **callout, **(attributes or {})},
        markdown=markdown,
    )


def fence_kind(block: Block, default: PassageKind) -> PassageKind:
    """Return what a fenced block is: code, a formula, or the curve a run should follow."""
    if is_formula(block.text, block.language):
        return "formula"
    if default == "code" and not block.language and len(_CURVE.findall(block.text)) >= 2:
        return "expectation"
    return "code" if block.language else default


def _write_code(
    out: Writer, block: Block, kind: PassageKind, style: Style, caption: Block | None
) -> None:
    attributes = dict(style.attributes)
    if block.kind == "fence":
        attributes |= {"fence": "true", "language": block.language}
    span, text = block.span, block.text
    if caption:
        attributes["caption"] = caption.flow.rstrip(": ")
        span = LineSpan(caption.span.start, span.end)
        text = f"{caption.flow}\n{text}"
        _write_asides(out, caption, style, text)
    out.add(kind, text, span, block.section, entry_id=style.entry_id, attributes=attributes)


def _take_caption(chunk: list[Block]) -> Block | None:
    """Take the line that introduces a table or code block off the text before it."""
    if not chunk:
        return None
    last = chunk[-1]
    introduces = (last.label and not last.rest.strip("():")) or last.flow.endswith(":")
    if introduces and len(last.flow) <= CAPTION_LENGTH:
        return chunk.pop()
    return None


def _belongs(previous: Block, block: Block) -> bool:
    """Say whether two neighbouring blocks may share a passage: same quotation, or none."""
    return previous.quote == block.quote and previous.section == block.section


def _write_chunk(out: Writer, chunk: Sequence[Block], style: Style) -> None:
    if not chunk:
        return
    first = chunk[0]
    span = LineSpan(first.span.start, max(block.span.end for block in chunk))
    text = "\n".join(block.flow for block in chunk).strip() or first.callout_title
    if len(text) <= 2 * PASSAGE_LENGTH:
        write_text(out, text, span, first, style)
    else:
        for piece in _split(text):
            write_text(out, piece, span, first, style, markdown=piece)
    for block in chunk:
        _write_asides(out, block, style, text)


def _split(text: str) -> Iterator[str]:
    """Cut one overlong paragraph at the ends of sentences, or of words."""
    start = 0
    while len(text) - start > PASSAGE_LENGTH:
        limit = start + PASSAGE_LENGTH
        cut = max(text.rfind(mark, start, limit) + len(mark) for mark in (". ", "! ", "? "))
        if cut <= start + PASSAGE_LENGTH // 4:
            cut = text.rfind(" ", start, limit) + 1
        if cut <= start:
            cut = limit
        yield text[start:cut].strip()
        start = cut
    yield text[start:].strip()


def _write_asides(out: Writer, block: Block, style: Style, whole: str) -> None:
    """Write what a block holds besides its text: formulas, and claims where asked for.

    A claim that is the whole of a passage is found already.
    """
    if len(block.text) <= FORMULA_BLOCK:
        for formula in block.formulas:
            if states_relation(formula):
                write_text(out, formula, block.span, block, replace(style, kind="formula"))
    if not style.claims:
        return
    for sentence in claims(block.flow):
        if sentence != whole:
            write_text(out, sentence, block.span, block, replace(style, kind="claim"))
