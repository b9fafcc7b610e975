"""Any other page: headed passages of a readable length."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.markdown.block import Block
from ingest.markdown.page import Page, Reading
from ingest.markdown.prose import Style, write_blocks
from ingest.markdown.writer import Writer

NAME = "headed"
THRESHOLD = 0.0
"""Every page has at least this much structure, so this dialect is the last resort."""


def score(blocks: Sequence[Block]) -> float:  # noqa: ARG001 - every dialect takes the blocks
    """Return the lowest score: any other dialect that applies knows more."""
    return 0.0


def read(page: Page) -> Reading:
    """Write every block under its heading."""
    out = Writer(page)
    write_blocks(out, page.blocks, Style())
    return Reading(out.passages())
