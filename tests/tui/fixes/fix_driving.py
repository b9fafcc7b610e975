"""The app on the Fixes screen with a small answer of its own, and no engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot
from tui_pilot import until

from assistant.answer import SCHEMA, Answer, Contradiction, Diagnosis, RankedFix, Settings
from assistant.worklist import Worklist, worklist
from kb.types import Entry, Mark, MarkWord
from tui.app import DoctorApp
from tui.fixes import jobs
from tui.fixes.screen import FixesScreen

NOON = "2025-01-01T12:00:00+00:00"

CODE = """Look at the spread first.

```python
spread = z.std(dim=0).mean()
```
"""

LOOK = RankedFix("loss/stuck#look", "Measure the spread before changing anything", {}, "live", CODE)
SLOWER = RankedFix(
    "loss/stuck#slower",
    "Lower the learning rate",
    {"lr": 0.03},
    "restart",
    "A tenth is a good start.",
    cure_rate=(4, 5, 0.38, 0.96),
)
HAVE = RankedFix(
    "loss/stuck#bf16", "Use bfloat16", {"precision": "bf16"}, "resume", already_applied=True
)
SAME = RankedFix("optim/fast#lower", "Take a smaller step", {"lr": 0.03}, "restart")
WARM = RankedFix("optim/fast#warm-up", "Warm up for ten epochs", {"warmup_epochs": 10}, "restart")
WRONG = RankedFix("notes/mine#1", "Raise the batch size", {"batch_size": 512}, None)


def small_answer(query: str = "loss stuck", **changes: Any) -> Answer:
    """Return an answer with a likely cause, a second one, and a refuted note of the user's."""
    stuck = Entry("loss/stuck", "The loss does not move", "loss", "bundled", "documented")
    fast = Entry("optim/fast", "The steps are too large", "optim", "bundled", "documented")
    mine = Entry("notes/mine", "My own idea", "notes", "user", "draft")
    wrong = Contradiction("512", "notes.md", 3, 3, "Batch size only sets the level.", "loss/stuck")
    diagnoses = (
        Diagnosis(stuck, 0.62, (), (LOOK, SLOWER, HAVE), "bundled"),
        Diagnosis(fast, 0.21, (), (SAME, WARM), "bundled"),
        Diagnosis(mine, 0.05, (), (WRONG,), "user", (wrong,)),
    )
    settings = Settings(5, 0.5, "fake", 2, 1)
    fields: dict[str, Any] = {"fits": True, "verdict": None, "diagnoses": diagnoses} | changes
    return Answer(
        schema=SCHEMA, query=query, reasons=(), passages=(), nearest=(), checked=(),
        unchecked=(), next_measurement=None, settings=settings, **fields,
    )  # fmt: skip


class Marks:
    """Stands for the user's store: what is marked, and on which run."""

    def __init__(self) -> None:
        self.held: dict[str, Mark] = {}
        self.error: Exception | None = None

    def listed(self, answer: Answer | None) -> Worklist:
        if self.error is not None:
            raise self.error
        if answer is not None:
            return worklist(answer, self.held)
        alone = small_answer("")
        items = [item for item in worklist(alone, self.held).items if item.mark]
        return Worklist("", None, tuple(items))

    def mark(self, ids: tuple[str, ...], word: MarkWord | None, run: str) -> None:
        if self.error is not None:
            raise self.error
        for name in ids:
            self.held.pop(name, None)
            if word is not None:
                self.held[name] = Mark(name, word, NOON, run)


def replace_jobs(monkeypatch: pytest.MonkeyPatch) -> Marks:
    """Put `Marks` and the small answer in the place of the assistant, and let the engine rest.

    A mark takes part in answers, so the question is asked again after each.
    """
    marks = Marks()
    monkeypatch.setattr(jobs, "listed", marks.listed)
    monkeypatch.setattr(jobs, "mark", marks.mark)
    monkeypatch.setattr("tui.consult.warm", lambda *_: None)
    monkeypatch.setattr("tui.consult.answered", lambda text, *_: small_answer(text))
    return marks


@asynccontextmanager
async def opened(
    answer: Answer | None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[DoctorApp, Pilot[None], FixesScreen]]:
    """Open the Fixes screen with an answer in the session."""
    app = DoctorApp()
    async with app.run_test(size=size) as pilot:
        if answer is not None:
            app.session.query, app.session.answer = answer.query, answer
        app.switch_mode("fixes")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, FixesScreen)
        await until(pilot, lambda: screen.is_read)
        yield app, pilot, screen
