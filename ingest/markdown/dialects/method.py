"""Method documents: theory, loss, code, hyper-parameters, results, and a chapter of pitfalls."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingest.markdown.block import Block
from ingest.markdown.entries import EntryParts, build_entry, write_run
from ingest.markdown.formula import is_formula
from ingest.markdown.labels import role_of
from ingest.markdown.names import number_of, without_number
from ingest.markdown.outline import chapter_end, runs
from ingest.markdown.page import Page, Reading
from ingest.markdown.prose import Style, write_blocks
from ingest.markdown.writer import Writer
from kb.types import Entry, LineSpan

NAME = "method"
THRESHOLD = 0.5
"""Half of the features below; a page of results or a tutorial has two or three."""

_PITFALLS = re.compile(
    r"pitfalls?|gotchas?|troubleshooting|failure modes?|debugging"
    r"|common (?:problems?|issues?|mistakes?|errors?|failures?)",
    re.I,
)
_TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (topic, re.compile(pattern, re.I))
    for topic, pattern in (
        ("pitfalls", _PITFALLS.pattern),
        ("hyperparameters", r"hyper-?\s?parameters?|configuration|tuning"),
        ("tricks", r"\btricks?\b|\btips?\b|best practices"),
        ("references", r"references?|bibliography|further reading|citations?"),
        ("results", r"experiments?|results?|ablations?|benchmarks?|comparisons?"),
        ("theory", r"theor|mathemat|formulation|derivation|background|intuition|objective|loss"),
        ("practice", r"implementation|architecture|training|algorithm|usage|pipeline"),
        ("introduction", r"overview|motivation|introduction|history|key ideas?"),
    )
)


def score(blocks: Sequence[Block]) -> float:
    """Return the share of what a method document has: topics, formulas, code, tables, pitfalls."""
    topics = {_topic(block.section[-1:]) for block in blocks if block.kind == "heading"}
    formulas = sum(
        block.kind == "math" or (block.kind == "fence" and is_formula(block.text, block.language))
        for block in blocks
    ) + sum(bool(block.formulas) for block in blocks)
    code = sum(block.kind == "fence" and bool(block.language) for block in blocks)
    features = (
        formulas >= 2,
        code >= 2,
        any(block.kind == "table" for block in blocks),
        any(_is_pitfall(blocks, i) for i in range(len(blocks)) if blocks[i].kind == "heading"),
        "hyperparameters" in topics,
        "references" in topics or any(block.language == "bibtex" for block in blocks),
        bool(topics & {"theory", "introduction"}),
        bool(topics & {"results", "practice", "tricks"}),
    )
    return sum(features) / len(features)


def read(page: Page) -> Reading:
    """Write pitfalls as entries and every other section under its topic."""
    out = Writer(page)
    entries: list[Entry] = []
    start = 0
    while start < len(page.blocks):
        if _is_pitfall(page.blocks, start):
            end = chapter_end(page.blocks, start)
            entries.append(_read_pitfall(out, page.blocks[start:end]))
        else:
            end = _section_end(page.blocks, start)
            write_blocks(out, page.blocks[start:end], _style(page.blocks[start]))
        start = end
    return Reading(out.passages(), tuple(entries))


def _section_end(blocks: Sequence[Block], start: int) -> int:
    for i in range(start + 1, len(blocks)):
        if blocks[i].kind == "heading":
            return i
    return len(blocks)


def _is_pitfall(blocks: Sequence[Block], start: int) -> bool:
    """Say whether a heading below `Pitfalls` opens a problem and its solution."""
    heading = blocks[start]
    if heading.kind != "heading" or not any(_PITFALLS.search(t) for t in heading.section[:-1]):
        return False
    below = blocks[start + 1 : chapter_end(blocks, start)]
    roles = {role_of(run.label) for run in runs(below) if run.opening}
    return "fix" in roles and bool(roles & {"problem", "symptom"})


def _read_pitfall(out: Writer, blocks: Sequence[Block]) -> Entry:
    heading = blocks[0]
    title = without_number(heading.title) or heading.title
    entry_id = out.entry_id(title)
    style = Style(entry_id=entry_id, attributes={"topic": "pitfalls"})
    out.add("title", title, heading.span, heading.section, entry_id=entry_id)
    parts = EntryParts()
    for run in runs(blocks[1:]):
        write_run(out, run, role_of(run.label), style, parts)
    span = LineSpan(heading.span.start, max(block.span.end for block in blocks))
    return build_entry(
        out.page, entry_id, title, parts, span, aliases=out.aliases(number_of(heading.title))
    )


def _style(block: Block) -> Style:
    topic = _topic(block.section)
    if topic == "references":
        return Style(kind="reference", attributes={"topic": topic})
    return Style(attributes={"topic": topic} if topic else {}, claims=True)


def _topic(path: Sequence[str]) -> str:
    """Return the topic of the outermost heading below the title that has one."""
    for title in path[1:] or path:
        for topic, pattern in _TOPICS:
            if pattern.search(title):
                return topic
    return ""
