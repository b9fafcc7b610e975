"""The body of an entry: fixed headings, bullets, numbered items and paragraphs, with lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kb.types import LineSpan

HEADINGS: tuple[str, ...] = (
    "Symptoms",
    "Why it happens",
    "Suggested next steps",
    "Tell it apart",
    "False alarms",
    "References",
)
"""The headings of every entry, each once and in this order."""

_HEADING = re.compile(r"^## (?P<name>.+?)\s*$")
_ITEM = re.compile(r"^(?:- |\d+\. )")
_FLUSH = re.compile(r"^\S")
_FENCE = re.compile(r"^\s*(```|~~~)")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of source lines: one bullet, one numbered item or one paragraph."""

    markdown: str
    span: LineSpan


@dataclass(frozen=True, slots=True)
class Section:
    """One `## heading` and the numbered source lines below it."""

    name: str
    line: int
    lines: tuple[tuple[int, str], ...]

    def items(self) -> list[Block]:
        """Return bullets or numbered items, each with its indented continuation lines."""
        return [block for block in _split(self.lines, items=True) if _ITEM.match(block.markdown)]

    def remarks(self) -> list[Block]:
        """Return the paragraphs of a list section that belong to no item."""
        blocks = _split(self.lines, items=True)
        return [block for block in blocks if not _ITEM.match(block.markdown)]

    def paragraphs(self) -> list[Block]:
        """Return blocks separated by blank lines outside code fences."""
        return _split(self.lines, items=False)


def read_body(lines: Iterable[tuple[int, str]]) -> tuple[Block | None, list[Section]]:
    """Split the body into its `# title` (None when missing) and its sections."""
    title: Block | None = None
    sections: list[Section] = []
    name, name_line, held = "", 0, list[tuple[int, str]]()
    fenced = False
    for number, line in lines:
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            if name:
                sections.append(Section(name, name_line, tuple(held)))
            name, name_line, held = heading["name"], number, []
        elif not name and title is None and line.startswith("# "):
            title = Block(line[2:].strip(), LineSpan(number, number))
        else:
            held.append((number, line))
    if name:
        sections.append(Section(name, name_line, tuple(held)))
    return title, sections


def _split(lines: tuple[tuple[int, str], ...], *, items: bool) -> list[Block]:
    blocks: list[Block] = []
    held: list[tuple[int, str]] = []
    fenced = False

    def close() -> None:
        while held and not held[-1][1].strip():
            held.pop()
        if held:
            text = "\n".join(line for _, line in held)
            blocks.append(Block(text, LineSpan(held[0][0], held[-1][0])))
            held.clear()

    for number, line in lines:
        after_blank = not held or not held[-1][1].strip()
        if items and not fenced and (_ITEM.match(line) or (after_blank and _FLUSH.match(line))):
            close()
        elif not items and not fenced and not line.strip():
            close()
            continue
        elif not held and not line.strip():
            continue
        fenced ^= bool(_FENCE.match(line))
        held.append((number, line))
    close()
    return blocks
