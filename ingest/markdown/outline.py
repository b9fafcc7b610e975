"""Views of the block list: sections, labelled runs, and the points of a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.markdown.block import Block
from ingest.markdown.names import without_number
from kb.types import LineSpan


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks under it, as far as the next heading of any level."""

    heading: Block | None
    body: tuple[Block, ...]

    @property
    def path(self) -> tuple[str, ...]:
        return self.heading.section if self.heading else ()


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks under one label (`**Symptoms:**`, or a sub-heading); the first run has none."""

    label: str
    opening: Block | None
    body: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One item of a list with all that is nested in it, or one paragraph."""

    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        return "\n".join(block.flow if block.prose else block.text for block in self.blocks)

    @property
    def span(self) -> LineSpan:
        return LineSpan(self.blocks[0].span.start, max(block.span.end for block in self.blocks))


def sections(blocks: Sequence[Block]) -> list[Section]:
    """Cut the blocks at every heading; what stands before the first one comes first."""
    found: list[Section] = []
    heading: Block | None = None
    body: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            if heading or body:
                found.append(Section(heading, tuple(body)))
            heading, body = block, []
        else:
            body.append(block)
    if heading or body:
        found.append(Section(heading, tuple(body)))
    return found


def chapter_end(blocks: Sequence[Block], start: int) -> int:
    """Return the index after the last block below the heading at `start`, deeper ones included."""
    level = blocks[start].level
    for i in range(start + 1, len(blocks)):
        if blocks[i].kind == "heading" and blocks[i].level <= level:
            return i
    return len(blocks)


def runs(blocks: Sequence[Block]) -> list[Run]:
    """Cut blocks at their labels, be they bold paragraphs or headings."""
    found: list[Run] = []
    label, opening = "", None
    body: list[Block] = []
    for block in blocks:
        labels = block.kind == "heading" or (
            block.kind == "paragraph" and bool(block.label) and not block.depth
        )
        if labels:
            if opening or body:
                found.append(Run(label, opening, tuple(body)))
            label = without_number(block.label or block.title)
            opening, body = block, []
        else:
            body.append(block)
    if opening or body:
        found.append(Run(label, opening, tuple(body)))
    return found


def points(blocks: Sequence[Block]) -> tuple[list[Point], list[Block]]:
    """Return the points of a list (or single paragraphs), and the blocks that are neither."""
    groups: list[list[Block]] = []
    others: list[Block] = []
    base = 0
    for block in blocks:
        if block.kind == "item" and (not base or block.depth <= base):
            base = block.depth
            groups.append([block])
        elif base and block.depth >= base:
            groups[-1].append(block)
        else:
            base = 0
            if block.prose:
                groups.append([block])
            else:
                others.append(block)
    return [Point(tuple(group)) for group in groups], others


def nested_code(found: Sequence[Point]) -> Iterator[Block]:
    """Yield the blocks inside points that are passages of their own: code, tables, math."""
    for point in found:
        for block in point.blocks:
            if not block.prose:
                yield block
