"""The app on the Ask screen over a small knowledge of its own, and no engine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from textual.pilot import Pilot
from tui_pilot import until

from assistant.answer import (
    SCHEMA,
    Answer,
    Check,
    Diagnosis,
    Evidence,
    Hit,
    Measurement,
    RankedFix,
    Settings,
    Topic,
)  # fmt: skip
from kb.types import Entry, Neighbour
from tui.app import DoctorApp
from tui.ask.query_box import QueryBox
from tui.ask.results import ResultList
from tui.widgets.page import Page

CODE = """Log three numbers before anything else.

```python
spread = z.std(dim=0).mean()  # 1 healthy
```

Then decide.
"""
STUCK = Entry(
    "contrastive/stuck",
    "The loss sits at its chance value",
    "contrastive",
    "bundled",
    "documented",
    methods=("simclr",),
    symptoms=("The loss stays at 4.14 from the first epoch.", "kNN does not move."),
    causes=("Every candidate looks the same.", "Several faults end there."),
    tell_apart=(Neighbour("collapse/whole", "the spread of the embeddings."),),
    false_alarms=("The first hundred steps.",),
    references=("arxiv:2002.05709", "gh:google-research/simclr@67b562524223e65c:tf2/objective.py"),
)
WHOLE = Entry(
    "collapse/whole", "Every picture gets the same vector", "collapse", "bundled", "reproduced",
    symptoms=("The spread is 0.",), causes=("A constant is the cheapest answer.",),
)  # fmt: skip
FLOOR = Entry(
    "loss/floor", "The loss is at its floor", "loss", "bundled", "documented",
    symptoms=("The loss is as low as the temperature lets it.",),
)  # fmt: skip

LOOK = RankedFix("contrastive/stuck#look", "Measure the spread first", {}, "live", CODE)
SLOWER = RankedFix(
    "contrastive/stuck#slower", "Lower the learning rate", {"lr": 0.03, "warmup_epochs": 10},
    "restart", "A tenth is a good start.", cure_rate=(4, 5, 0.38, 0.96),
)  # fmt: skip
TALK = RankedFix("contrastive/stuck#wait", "Wait for two epochs", {}, None, "It may recover.")
NUMBER = Evidence(
    "number",
    "4.14 would be ln(2B - 1) = ln 63 = 4.143, the chance value of nt_xent, if batch_size is 32. "
    "The positive is not told apart.",
    {"value": "4.14", "expected": 4.143135, "batch_size": 32, "form": "chance(nt_xent)"},
    "candidate",
)
WORDS = Evidence(
    "text",
    'Your words are close to how others put it: "stuck at 4.14" (in common: stuck, 4.14).',
    {"passage": "stuck at 4.14", "kind": "phrasing"},
)
SPREAD = Evidence("metric", "The last z_std is 0.0001, below 0.005.", {"z_std.last": 1e-4})

NUMBERS: Mapping[str, float] = {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}
SETTINGS = Settings(5, 0.5, "fake", 3, 0)


def answer_of(query: str = "loss stuck at 4.14", **changes: Any) -> Answer:
    """Return an answer with three causes."""
    diagnoses = (
        Diagnosis(STUCK, 0.62, (NUMBER, WORDS), (LOOK, SLOWER, TALK), "bundled"),
        Diagnosis(FLOOR, 0.21, (WORDS,), (), "bundled"),
        Diagnosis(WHOLE, 0.004, (WORDS,), (), "bundled"),
    )
    fields: dict[str, Any] = {
        "fits": True, "verdict": None, "diagnoses": diagnoses, "nearest": (), "passages": (),
        "next_measurement": Measurement("z_std", "near 0 is collapse"),
    }  # fmt: skip
    return Answer(
        schema=SCHEMA, query=query, reasons=(), checked=(), unchecked=(), settings=SETTINGS,
        **(fields | changes),
    )  # fmt: skip


def with_run(query: str = "loss stuck at 4.14") -> Answer:
    """Return the answer once a run has been judged: the third cause comes first."""
    first = Diagnosis(WHOLE, 0.9, (SPREAD, WORDS), (replace(LOOK, id="x#look"),), "bundled")
    second = Diagnosis(STUCK, 0.08, (NUMBER,), (LOOK, SLOWER), "bundled")
    return replace(
        answer_of(query, diagnoses=(first, second)),
        verdict="sick",
        reasons=("its numbers show collapse/whole",),
        checked=(Check("loss/floor", "silent", "loss.level < 1: loss.level = 4.143"),),
    )


def nothing(query: str) -> Answer:
    """Return an answer that says nothing fits."""
    near = (Topic("loss/floor", "The loss is at its floor", 0.002),)
    return answer_of(query, fits=False, diagnoses=(), nearest=near, next_measurement=None)


def documents(query: str) -> Answer:
    """Return an answer of passages."""
    hit = Hit(
        "The covariance term sums squared off-diagonal entries.",
        "kb/methods/vicreg.md", 12, 14, ("VICReg", "The covariance term"), 1.0, "bundled",
    )  # fmt: skip
    return answer_of(query, diagnoses=(), passages=(hit,), next_measurement=None)


class Engine:
    """Stands for the assistant. `error` is raised by the next question; while `gate` is clear
    questions wait; `asked` lists what was asked, with whether a run took part."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.error: Exception | None = None
        self.gate = Event()
        self.gate.set()
        self.answers: dict[str, Answer] = {}

    def answered(self, text: str, run: object, k: int, notify: object = None) -> Answer:
        self.asked.append((text, run is not None))
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        if text in self.answers:
            return self.answers[text]
        if "rice" in text:
            return nothing(text)
        if "formula" in text:
            return documents(text)
        return with_run(text) if run is not None else answer_of(text)

    def diagnosed(self, run: object, k: int) -> Answer:
        return with_run("")


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Put `Engine` in the place of the assistant."""
    stands = Engine()
    monkeypatch.setattr("tui.consult.answered", stands.answered)
    monkeypatch.setattr("tui.consult.diagnosed", stands.diagnosed)
    monkeypatch.setattr("tui.consult.warm", lambda *_: None)
    monkeypatch.setattr("tui.worker.diagnosed", stands.diagnosed)
    return stands


@asynccontextmanager
async def opened(
    size: tuple[int, int] = (80, 24), run: Path | None = None
) -> AsyncIterator[tuple[DoctorApp, Pilot[None]]]:
    """Open the app on the Ask screen."""
    app = DoctorApp(run)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
    app.consultation.close()


async def ask(pilot: Pilot[None], app: DoctorApp, text: str) -> None:
    """Type a question into the box and wait for its answer."""
    box(app).value = text
    await until(pilot, lambda: app.session.query == text and not app.session.asking)


def box(app: DoctorApp) -> QueryBox:
    """Return the query box."""
    return app.screen.query_one(QueryBox)


def results(app: DoctorApp) -> ResultList:
    """Return the list of results."""
    return app.screen.query_one(ResultList)


def entry(app: DoctorApp) -> Page:
    """Return the page of the highlighted result."""
    return app.screen.query_one("#entry", Page)


def page_text(page: Page) -> str:
    """Return all text of a page, also what is scrolled out of view."""
    return page.text.plain
