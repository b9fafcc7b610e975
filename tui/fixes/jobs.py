"""What the Fixes screen asks of the assistant; a worker thread runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.worker import with_engine

if TYPE_CHECKING:
    from assistant.answer import Answer
    from assistant.worklist import Worklist
    from kb.types import MarkWord


def listed(answer: Answer | None) -> Worklist:
    """Return the worklist of an answer, or everything that is marked when there is none."""
    from assistant.knowledge import Knowledge
    from assistant.worklist import marked, worklist

    def read() -> Worklist:
        knowledge = Knowledge.open()
        return marked(knowledge) if answer is None else worklist(answer, knowledge.marks())

    return with_engine(read)


def mark(ids: Sequence[str], word: MarkWord | None, run: str) -> None:
    """Keep what the user says of the fixes of one item."""
    from assistant.marks import set_marks

    with_engine(lambda: set_marks(ids, word, run))
