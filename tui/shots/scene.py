"""What a picture is of: a name, and how to get there from a fresh app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DoctorApp

SIZES: tuple[tuple[int, int], ...] = (80, 24), (100, 30), (120, 40)
"""Columns and rows: a default terminal, a usual one, half of a large screen."""

PATIENCE = 30.0
"""Seconds a scene may take to get there; the first query of a fresh cache takes ten."""

Drive = Callable[["Pilot[Any]", "DoctorApp"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A state of the app. `drive` presses the keys that lead there; `run` is attached at start."""

    name: str
    drive: Drive
    theme: str = "doctor-dark"
    run: Path | None = None


async def until(pilot: Pilot[Any], ready: Callable[[], bool]) -> None:
    """Let the app work until `ready`; TimeoutError after PATIENCE."""
    for _ in range(int(PATIENCE / 0.02)):
        await pilot.pause()
        if ready():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the app did not get there")


async def ask(pilot: Pilot[Any], app: DoctorApp, text: str) -> None:
    """Type a question and wait for its answer."""
    from tui.ask.query_box import QueryBox

    app.screen.query_one(QueryBox).value = text
    session = app.session
    await until(
        pilot,
        lambda: (
            session.query == text
            and not session.asking
            and (session.answer is not None or session.error is not None)
        ),
    )
