"""Driving the app in tests: an async test in a loop of its own, and waiting for a state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

from textual.pilot import Pilot
from textual.widget import Widget

P = ParamSpec("P")


def driven(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in a loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def until(pilot: Pilot[None], ready: Callable[[], bool], seconds: float = 30.0) -> None:
    """Let the app work until `ready`; fail after that many seconds."""
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if ready():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the app did not get there")


def text_of(widget: Widget) -> str:
    """Return what a widget shows, line by line, without its styles."""
    width, height = widget.size
    return "\n".join(widget.render_line(y).crop(0, width).text.rstrip() for y in range(height))
