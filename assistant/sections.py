"""A page of Markdown cut at its headings, so that a long document is shown piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

LONGEST = 12_000
"""Characters of one piece; a longer section goes on in another. A choice: about five screens."""

_HEADING = re.compile(r"^(#{1,3}) +(.*?)(?: +#+)? *$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


@dataclass(frozen=True, slots=True)
class PageSection:
    """A heading with what stands below it, down to the next heading of the first three levels.

    `level` is that of the heading, 0 for what stands before the first; `line` is where it
    starts, from 1. `part` counts pieces of a section that is too long for one.
    """

    title: str
    level: int
    line: int
    markdown: str
    part: int = 1


def sections(markdown: str) -> tuple[PageSection, ...]:
    """Return the sections in their order; together they hold every line, none twice."""
    held: list[PageSection] = []
    start, title, level = 1, "", 0
    lines: list[str] = []
    fence = ""
    for number, line in enumerate(markdown.split("\n"), 1):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        found = None if fence else _HEADING.match(line)
        if found:
            held += _pieces(title, level, start, lines)
            start, title, level, lines = number, found[2], len(found[1]), []
        lines.append(line)
    held += _pieces(title, level, start, lines)
    return tuple(held)


def packed(parts: Sequence[PageSection], most: int = LONGEST // 2) -> tuple[PageSection, ...]:
    """Return the sections with short neighbours joined to pieces of about `most` characters.

    A heading without text of its own always stands with what follows it.
    """
    held: list[PageSection] = []
    for part in parts:
        before = held[-1] if held else None
        bare = before is not None and before.markdown.strip().count("\n") == 0 and before.level > 0
        if before and (bare or len(before.markdown) + len(part.markdown) <= most):
            text = f"{before.markdown}\n{part.markdown}"
            held[-1] = replace(before, markdown=text, title=before.title or part.title)
        else:
            held.append(part)
    return tuple(held)


def _pieces(title: str, level: int, start: int, lines: list[str]) -> Iterator[PageSection]:
    """Yield a section, in pieces cut at blank lines where it is too long."""
    if not any(line.strip() for line in lines):
        return
    part, kept, size = 1, list[str](), 0
    for offset, line in enumerate(lines):
        kept.append(line)
        size += len(line) + 1
        if size > LONGEST and (not line.strip() or size > 2 * LONGEST):
            yield PageSection(title, level, start + offset + 1 - len(kept), "\n".join(kept), part)
            part, kept, size = part + 1, [], 0
    if kept:
        yield PageSection(
            title, level, start + len(lines) - len(kept), "\n".join(kept), part
        )  # fmt: skip
