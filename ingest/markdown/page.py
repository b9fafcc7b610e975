"""A page: what a dialect reads. A reading: what it hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.markdown.block import Block
from ingest.markdown.clean import clean, source_lines
from ingest.markdown.front_matter import read_front_matter
from ingest.markdown.names import stem_slug, undecorated
from ingest.markdown.repair import repaired_blocks
from kb.types import Entry, LineSpan, Owner, Passage


@dataclass(frozen=True, slots=True)
class Page:
    """One document, cleaned and cut into blocks. `stem` is the slug of its file's name."""

    path: str
    owner: Owner
    stem: str
    lines: Sequence[str]
    blocks: Sequence[Block]
    head: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str, *, path: str, owner: Owner) -> Page:
        """Clean and parse a document; the lines keep their numbers in the source."""
        lines = [clean(line) for line in source_lines(text)]
        head = read_front_matter(lines, path)
        body = [""] * head.line_count + lines[head.line_count :]
        blocks = repaired_blocks(body)
        if head.line_count:
            span = LineSpan(1, head.line_count)
            blocks.insert(0, Block("head", "\n".join(lines[1 : head.line_count - 1]), span))
        return cls(path, owner, stem_slug(path), lines, blocks, head.values)

    @property
    def title(self) -> str:
        """Return the first heading of level 1, else the head's title, else the file's name."""
        for block in self.blocks:
            if block.kind == "heading" and block.level == 1 and block.text:
                return undecorated(block.title) or block.title
        named = self.head.get("title")
        return named if isinstance(named, str) and named else self.stem


@dataclass(frozen=True, slots=True)
class Reading:
    """What one dialect made of a page."""

    passages: tuple[Passage, ...]
    entries: tuple[Entry, ...] = ()
