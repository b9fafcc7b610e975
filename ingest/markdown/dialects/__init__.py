"""The dialects of foreign Markdown, and the choice between them by structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.markdown.block import Block
from ingest.markdown.dialects import fix_list, headed, method, post_mortem, reading_notes
from ingest.markdown.page import Page, Reading


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one sort of document is recognised and read."""

    name: str
    threshold: float
    score: Callable[[Sequence[Block]], float]
    read: Callable[[Page], Reading]


DIALECTS: tuple[Dialect, ...] = tuple(
    Dialect(module.NAME, module.THRESHOLD, module.score, module.read)
    for module in (fix_list, post_mortem, method, reading_notes, headed)
)


def choose(blocks: Sequence[Block]) -> Dialect:
    """Return the dialect whose score is highest among those that reach their threshold."""
    scored = [(dialect.score(blocks), dialect) for dialect in DIALECTS]
    return max((pair for pair in scored if pair[0] >= pair[1].threshold), key=lambda pair: pair[0])[
        1
    ]
