"""Undo what a chat window adds to a document: a fence around it, a sentence before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ingest.markdown.block import Block
from ingest.markdown.blocks import read_blocks
from kb.types import LineSpan

MAX_WRAPPERS = 4
"""Fences taken off one document, a choice; each costs another parse."""

WRAPPER_LANGUAGES = ("markdown", "md")

_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_FENCE_OPENING = re.compile(r"\s*(?:```+|~~~+)\s*\w")
_OPENING_REMARK = re.compile(
    r"(?:perfect|sure|certainly|absolutely|of course|great|got it|okay|ok)\b\s*[.!,:—–-]", re.I
)
_CLOSING_REMARK = re.compile(
    r"(?:let me know|would you like|do you want me|want me to|shall i\b|i hope this)", re.I
)
_REMARK_LENGTH = 400


def repaired_blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks of a document, with fences that wrap all of it taken off.

    The lines of such a fence stay, as blocks of kind `wrapper`.
    """
    kept = list(lines)
    removed: list[LineSpan] = []
    blocks = read_blocks(kept)
    while len(removed) < MAX_WRAPPERS:
        wrapper = _wrapper_lines(blocks, kept, unwrapped=bool(removed))
        if not wrapper:
            break
        for line in wrapper:
            kept[line - 1] = ""
            removed.append(LineSpan(line, line))
        blocks = read_blocks(kept)
    blocks.extend(_wrapper_block(span, blocks, lines) for span in removed)
    blocks.sort(key=lambda block: block.span.start)
    return _mark_remarks(blocks)


def _wrapper_lines(
    blocks: Sequence[Block], lines: Sequence[str], *, unwrapped: bool
) -> tuple[int, ...]:
    """Return the fence lines around what is plainly a Markdown document, or nothing.

    Once a wrapper was taken off, a bare fence that never closes is where it ended.
    """
    for block in blocks:
        if block.kind != "fence" or block.depth or block.quote:
            continue
        closed = _is_closed(block, lines)
        inside = lines[block.span.start : block.span.end - closed]
        says_markdown = block.language in WRAPPER_LANGUAGES
        if not closed and unwrapped and not block.language:
            return (block.span.start,)
        if not _is_document(inside):
            continue
        if not closed and (says_markdown or not block.language):
            return (block.span.start,)
        if closed and says_markdown and _opens_fence(inside):
            return (block.span.start,)
        if closed and says_markdown and _is_most(inside, lines):
            return (block.span.start, block.span.end)
    return ()


def _opens_fence(inside: Sequence[str]) -> bool:
    """Say whether a fence opens inside another: the line that closed the outer closes it."""
    return any(_FENCE_OPENING.match(line) for line in inside)


def _is_closed(block: Block, lines: Sequence[str]) -> bool:
    """Say whether a fence's last line closes it, rather than the end of the file."""
    last = lines[block.span.end - 1].strip()
    return (
        block.span.end > block.span.start
        and last.startswith(block.marker)
        and not last.strip(block.marker[0])
    )


def _is_document(inside: Sequence[str]) -> bool:
    """Say whether text has a Markdown heading between blank lines.

    A heading alone would also be a comment in a shell script, which stands on its command.
    """
    padded = ["", *(line.strip() for line in inside), ""]
    return any(
        _HEADING.match(line) and not above and not below
        for above, line, below in zip(padded, padded[1:], padded[2:], strict=False)
    )


def _is_most(inside: Sequence[str], lines: Sequence[str]) -> bool:
    return 2 * sum(1 for line in inside if line.strip()) > sum(1 for line in lines if line.strip())


def _wrapper_block(span: LineSpan, blocks: Sequence[Block], lines: Sequence[str]) -> Block:
    section: tuple[str, ...] = ()
    for block in blocks:
        if block.span.start > span.start:
            break
        section = block.section
    return Block("wrapper", lines[span.start - 1].strip(), span, section)


def _mark_remarks(blocks: list[Block]) -> list[Block]:
    """Mark sentences that speak to whoever asked for the document, not about its subject."""
    marked = list(blocks)
    before_wrapper = -1
    for i, block in enumerate(blocks):
        if block.kind == "wrapper" and before_wrapper >= 0:
            marked[before_wrapper] = replace(marked[before_wrapper], kind="chat")
        if block.kind not in ("rule", "wrapper"):
            introduces = block.kind == "paragraph" and block.flow.endswith(":")
            before_wrapper = i if introduces and not block.depth and not block.quote else -1
        if _is_remark(block):
            marked[i] = replace(marked[i], kind="chat")
    return marked


def _is_remark(block: Block) -> bool:
    if block.kind != "paragraph" or block.depth or block.quote or len(block.text) > _REMARK_LENGTH:
        return False
    if _OPENING_REMARK.match(block.flow):
        return block.flow.endswith(":")
    return bool(_CLOSING_REMARK.match(block.flow))
