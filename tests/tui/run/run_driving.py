"""The app on the Run screen with a small run and answer of its own, and no engine behind it."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from textual.pilot import Pilot
from tui_pilot import until

from assistant.answer import (
    SCHEMA,
    Answer,
    Check,
    Diagnosis,
    Evidence,
    Measurement,
    RankedFix,
    RunVerdict,
    Settings,
)  # fmt: skip
from assistant.levels import levels_of
from ingest.runs.follow import Life
from kb.run import Finding, Naming, Run, Series
from kb.types import Entry, Scalar
from tui.app import DoctorApp
from tui.messages import RunChanged
from tui.run.screen import RunScreen

STUCK = Entry(
    "contrastive/stuck",
    "The loss sits at its chance value",
    "contrastive",
    "bundled",
    "documented",
    signature="near(loss.level, chance(nt_xent))",
    metrics=("loss", "z_std"),
)
LOOK = RankedFix("contrastive/stuck#look", "Measure the spread first", {}, "live", "Look at it.")
WARM = RankedFix("contrastive/stuck#warm", "Warm up", {"warmup_epochs": 10}, "restart", "Slowly.")


def small_answer(verdict: RunVerdict = "sick") -> Answer:
    """Return a verdict with one cause, a rival, checks of each kind and a measurement."""
    said = "4.143 is ln(2B - 1) = ln 63 at batch_size 32."
    evidence = (Evidence("number", said, {"value": "4.143"}, "matched"),)
    rival = replace(STUCK, id="collapse/whole", title="All embeddings are the same")
    first = Diagnosis(STUCK, 0.9, evidence, (LOOK, WARM), "bundled")
    return Answer(
        schema=SCHEMA,
        query="",
        fits=True,
        verdict=verdict,
        reasons=("its numbers show contrastive/stuck",),
        diagnoses=(first, Diagnosis(rival, 0.1, (), (), "bundled")) if verdict == "sick" else (),
        passages=(),
        nearest=(),
        checked=(
            Check("contrastive/stuck", "fired", "loss.level = 4.143"),
            Check("optim/fast", "silent", "grad_norm.max = 2.1"),
        ),
        unchecked=(Check("collapse/whole", "unknown", "missing: neg_sim"),),
        next_measurement=Measurement("neg_sim", "near 1 is collapse"),
        settings=Settings(5, 0.5, "fake", 2, 0),
    )


def small_run(steps: int = 400, *, nan_from: int | None = None, name: str = "train/loss") -> Run:
    """Return a SimCLR run stuck at chance, the same at each call."""
    rng = np.random.default_rng(7)
    at = np.arange(steps, dtype=np.int64)
    loss = math.log(63) + 0.4 * np.exp(-at / 30) + rng.normal(0, 0.004, steps)
    grad = 1 + rng.random(steps)
    if nan_from is not None:
        loss[nan_from:] = np.nan
    spread = 0.08 * np.exp(-at / 60) + 1e-4
    series = {
        "grad_norm": Series("grad_norm", grad, at, "grad_norm"),
        "loss": Series("loss", loss, at, name),
        "z_std": Series("z_std", spread, at, "z_std"),
    }
    names = (
        Naming(name, "loss", "alias loss"),
        Naming("z_std", "z_std", "canonical name"),
        Naming("grad_norm", "grad_norm", "canonical name"),
        Naming("std", None, "two meanings", ("z_std", "raw_std")),
    )
    unknown = {"std": Series("std", spread, at, "std")}
    config: dict[str, Scalar] = {
        "method": "simclr", "batch_size": 32, "temperature": 0.5, "dim": 128,
    }  # fmt: skip
    return Run(
        config, series, unknown, "runs/exp7", "JSON lines", ("runs/exp7/log.jsonl",),
        names=names, findings=(Finding("step repeated", "step 3 was logged twice", "log", 3),),
    )  # fmt: skip


@asynccontextmanager
async def quiet_app(
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[tuple[DoctorApp, Pilot[None]]]:
    """Open the app on the Run screen, with an engine that is never loaded."""
    app = DoctorApp()
    app.consultation.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        app.switch_mode("run")
        await pilot.pause()
        yield app, pilot
    app.consultation.close()


@asynccontextmanager
async def opened(
    run: Run | None, answer: Answer | None = None, life: Life | None = None,
    size: tuple[int, int] = (80, 24), **session: Any,
) -> AsyncIterator[tuple[DoctorApp, Pilot[None], RunScreen]]:  # fmt: skip
    """Open the Run screen with this run attached."""
    async with quiet_app(size) as (app, pilot):
        held = app.session
        held.run_path = Path("runs/exp7")
        held.run, held.run_answer, held.life = run, answer, life
        held.levels = levels_of(run) if run is not None else {}
        for name, value in session.items():
            setattr(held, name, value)
        app.tell(RunChanged())
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: bool(screen.redraws))
        await pilot.pause(0.1)
        yield app, pilot, screen
