"""What of a source is covered by passages, what is not, and how much was understood."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from ingest.markdown.clean import source_lines
from kb.types import Document, LineSpan, Passage

_DEFINITION = re.compile(r"\s{0,3}\[([^\]\n]{1,500})\]:[ \t]*<?([^\s>]+)")


def leftovers(lines: Sequence[str], passages: Sequence[Passage]) -> tuple[Passage, ...]:
    """Return passages for uncovered lines without text: link definitions, bare markers.

    The parser keeps no token for those. A line with words is never covered here: it was
    lost, and `unparsed` says so.
    """
    covered = _covered(len(lines), passages)
    found: list[Passage] = []
    bare: list[int] = []
    for number, line in enumerate(lines, start=1):
        if covered[number] or not line.strip():
            continue
        definition = _DEFINITION.match(line)
        if definition:
            attributes = {"url": definition.group(2)}
            text = definition.group(1).lstrip("^")
            found.append(
                Passage(
                    f"line-{number}",
                    "reference",
                    text,
                    LineSpan(number, number),
                    markdown=line,
                    attributes=attributes,
                )
            )
        elif not any(character.isalnum() for character in line):
            bare.append(number)
    for span in _runs(bare):
        markdown = "\n".join(lines[span.start - 1 : span.end])
        attributes = {"role": "markup"}
        found.append(
            Passage(
                f"line-{span.start}", "meta", "", span, markdown=markdown, attributes=attributes
            )
        )
    return tuple(found)


def unparsed(text: str, passages: Sequence[Passage]) -> tuple[LineSpan, ...]:
    """Return the non-blank source lines that no passage covers."""
    lines = source_lines(text)
    covered = _covered(len(lines), passages)
    return tuple(_runs([n for n in _written(lines) if not covered[n]]))


def counts(document: Document) -> dict[str, int]:
    """Return how much was understood: entries, steps, tables, code by language, lines.

    `code.plain` counts fenced blocks that name no language, `code` all fenced blocks.
    """
    kinds = Counter(passage.kind for passage in document.passages)
    fenced = [p for p in document.passages if p.attributes.get("fence") == "true"]
    languages = Counter(p.attributes.get("language") or "plain" for p in fenced)
    written = list(_written(source_lines(document.text)))
    missed = sum(span.end - span.start + 1 for span in document.unparsed)
    return {
        "entries": len(document.entries),
        "symptoms": sum(len(entry.symptoms) for entry in document.entries),
        "causes": sum(len(entry.causes) for entry in document.entries),
        "steps": sum(len(entry.fixes) for entry in document.entries),
        "passages": len(document.passages),
        "claims": kinds["claim"],
        "tables": kinds["table"],
        "formulas": kinds["formula"],
        "quotes": kinds["quote"],
        "quotes_with_page": sum(1 for p in document.passages if p.attributes.get("page")),
        "notes": kinds["note"],
        "code": len(fenced),
        **{f"code.{language}": number for language, number in sorted(languages.items())},
        "lines": len(written),
        "lines_covered": len(written) - missed,
    }


def _written(lines: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the lines that are not blank."""
    return (number for number, line in enumerate(lines, start=1) if line.strip())


def _covered(line_count: int, passages: Sequence[Passage]) -> list[bool]:
    """Say for each line number (index 0 unused) whether a passage spans it."""
    edges = [0] * (line_count + 2)
    for passage in passages:
        edges[passage.span.start] += 1
        edges[passage.span.end + 1] -= 1
    return [depth > 0 for depth in accumulate(edges)]


def _runs(numbers: Sequence[int]) -> Iterator[LineSpan]:
    """Yield the stretches of consecutive line numbers."""
    start = previous = 0
    for number in numbers:
        if previous and number == previous + 1:
            previous = number
            continue
        if previous:
            yield LineSpan(start, previous)
        start = previous = number
    if previous:
        yield LineSpan(start, previous)
