"""Numbered fix lists: `## 7. Title` with labelled symptoms and next steps under each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest.markdown.block import Block
from ingest.markdown.entries import EntryParts, build_entry, write_run
from ingest.markdown.labels import role_of
from ingest.markdown.names import number_of, without_number
from ingest.markdown.outline import chapter_end, runs
from ingest.markdown.page import Page, Reading
from ingest.markdown.prose import Style, write_blocks
from ingest.markdown.writer import Writer
from kb.types import Entry, LineSpan

NAME = "fix_list"
THRESHOLD = 0.5
"""Half of the numbered headings have both labels; a method document's pitfalls are fewer."""


@dataclass(frozen=True, slots=True)
class _Chapter:
    """One numbered heading and all blocks below it, by index."""

    start: int
    end: int


def score(blocks: Sequence[Block]) -> float:
    """Return the share of headings that number a list of symptoms and of next steps.

    Headings inside such a chapter are part of it and do not count.
    """
    chapters = list(_chapters(blocks))
    if len(chapters) < 2:
        return 0.0
    inside = {i for chapter in chapters for i in range(chapter.start, chapter.end)}
    others = sum(
        1 for i, b in enumerate(blocks) if b.kind == "heading" and b.level > 1 and i not in inside
    )
    return len(chapters) / (len(chapters) + others)


def read(page: Page) -> Reading:
    """Write one entry per numbered chapter, and what stands around them as text."""
    out = Writer(page)
    entries: list[Entry] = []
    done = 0
    for chapter in _chapters(page.blocks):
        write_blocks(out, page.blocks[done : chapter.start], Style())
        entries.append(_read_chapter(out, page.blocks[chapter.start : chapter.end]))
        done = chapter.end
    write_blocks(out, page.blocks[done:], Style())
    return Reading(out.passages(), tuple(entries))


def _chapters(blocks: Sequence[Block]) -> Iterator[_Chapter]:
    i = 0
    while i < len(blocks):
        block = blocks[i]
        if block.kind == "heading" and number_of(block.title):
            end = chapter_end(blocks, i)
            roles = {role_of(run.label) for run in runs(blocks[i + 1 : end]) if run.opening}
            if {"symptom", "fix"} <= roles and _is_one(blocks[i + 1 : end]):
                yield _Chapter(i, end)
                i = end
                continue
        i += 1


def _is_one(blocks: Sequence[Block]) -> bool:
    """Say whether a chapter describes one failure: no numbered heading inside it."""
    return not any(block.kind == "heading" and number_of(block.title) for block in blocks)


def _read_chapter(out: Writer, blocks: Sequence[Block]) -> Entry:
    heading = blocks[0]
    title = without_number(heading.title) or heading.title
    entry_id = out.entry_id(title)
    style = Style(entry_id=entry_id)
    out.add("title", title, heading.span, heading.section, entry_id=entry_id)
    parts = EntryParts()
    for run in runs(blocks[1:]):
        write_run(out, run, role_of(run.label), style, parts)
    content = [block for block in blocks if block.kind not in ("rule", "wrapper", "chat")]
    span = LineSpan(heading.span.start, max(block.span.end for block in content))
    return build_entry(
        out.page, entry_id, title, parts, span, aliases=out.aliases(number_of(heading.title))
    )
