"""What the app tells its screens, and what workers tell the app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.message import Message


class AnswerChanged(Message):
    """`session.answer` or the state of the question changed."""


class RunChanged(Message):
    """`session.run`, `session.life`, `session.numbers` or `session.run_answer` changed."""


class MarksChanged(Message):
    """The user marked a fix as tried, helped or not."""


class EntryOpened(Message):
    """`session.opened` names the entry whose page is to be shown on the Browse screen."""


class SectionOpened(Message):
    """`session.section` names method and line of the section to be shown on the Methods screen."""


class Progress(Message):
    """The engine tells what takes time, such as preparing the encoder."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line


class JobDone(Message):
    """A job of a worker thread ended: `outcome` is its result, or the exception it raised."""

    def __init__(
        self,
        worker: object,
        slot: str,
        generation: int,
        outcome: object,
        then: Callable[[Any], None],
    ) -> None:
        super().__init__()
        self.worker = worker
        self.slot = slot
        self.generation = generation
        self.outcome = outcome
        self.then = then
