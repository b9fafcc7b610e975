"""How fast is the terminal interface? First frame, keystroke to results, key echo.

    python -m benchmarks.tui_speed [--entries 100000] [--repeats 20]

First frame: the installed command in a pseudo-terminal, from process start to the first screen.
Results: the app driven headless over the real engine, from the last key of a burst to the list
that answers it, the pause of 40 ms included. Key echo: from a key to the screen that shows it,
while no answer is being worked out. With `--entries` the user's store holds as many made-up
entries beside the catalogue. Writes benchmarks/results/tui_speed.json.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.index_choice import environment
from tui.app import DoctorApp
from tui.ask.query_box import QueryBox

RESULT = Path(__file__).parent / "results" / "tui_speed.json"
COMMAND = Path(sys.executable).parent / "ssl-doctor"
QUESTIONS = (
    "loss stuck at 4.14", "kNN falls while the loss improves", "byol std went to zero",
    "barlow twins loss explodes", "vicreg covariance term is zero", "dino teacher entropy drops",
    "moco loss rises after resume", "mae reconstructs the mean", "simsiam loss is -1 at once",
    "accuracy of the linear probe is at chance",
)  # fmt: skip
PATIENCE = 60.0
FIRST_ANSWER = 900.0
"""Seconds for the first answer: the index of 100,000 new entries is built before it."""


def first_frame(environ: dict[str, str]) -> float:
    """Return the seconds from process start to the first screen."""
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(COMMAND, [str(COMMAND), "tui"], {**environ, "TERM": "xterm-256color"})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = b""
    try:
        while b"no run attached" not in seen:
            ready, _, _ = select.select([terminal], [], [], PATIENCE)
            if not ready:
                raise TimeoutError("no first frame")
            seen += os.read(terminal, 1 << 16)
        return time.perf_counter() - started
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


async def typed(repeats: int) -> tuple[list[float], list[float]]:
    """Return the seconds to results of each burst, and to the echo of each key."""
    app = DoctorApp()
    results: list[float] = []
    echoes: list[float] = []
    async with app.run_test(size=(100, 30)) as pilot:
        app.screen.query_one(QueryBox).value = "warm up the engine"
        await _until(lambda: app.session.answer is not None, FIRST_ANSWER)
        for number in range(repeats):
            text = QUESTIONS[number % len(QUESTIONS)] + " " * (number // len(QUESTIONS))
            box = app.screen.query_one(QueryBox)
            box.value = text[:-1]
            await pilot.pause()
            last = time.perf_counter()
            box.value = text
            await _painted(app)
            echoes.append(time.perf_counter() - last)
            await _until(partial(_answers, app, text))
            await _painted(app)
            results.append(time.perf_counter() - last)
            await asyncio.sleep(0.1)
    app.consultation.close()
    return results, echoes


def _answers(app: DoctorApp, text: str) -> bool:
    return app.session.query == text and not app.session.asking


async def _until(ready: Callable[[], bool], patience: float = PATIENCE) -> None:
    end = time.perf_counter() + patience
    while not ready():
        if time.perf_counter() > end:
            raise TimeoutError("no answer")
        await asyncio.sleep(0.001)


async def _painted(app: DoctorApp) -> None:
    """Wait until what was asked to be drawn is drawn."""
    drawn = asyncio.Event()
    app.screen.call_after_refresh(drawn.set)
    await drawn.wait()


def summary(seconds: list[float]) -> dict[str, float]:
    """Return median and 95th percentile in milliseconds."""
    return {
        "median_ms": round(1000 * median(seconds), 1),
        "p95_ms": round(1000 * float(np.percentile(seconds, 95)), 1),
        "n": len(seconds),
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder
        if given.entries:
            _fill(given.entries)
        frames = [first_frame(dict(os.environ)) for _ in range(max(given.repeats // 4, 5))]
        results, echoes = asyncio.run(typed(given.repeats))
    found = {
        "entries_of_user": given.entries,
        "first_frame": summary(frames),
        "last_key_to_results": summary(results),
        "key_echo": summary(echoes),
    }
    print(json.dumps(found, indent=2))
    stored = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    stored |= {"environment": environment(), f"entries {given.entries}": found}
    RESULT.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")


def _fill(entries: int) -> None:
    from benchmarks.synthetic import fill
    from ingest.encode import encoder_identity
    from kb.paths import user_store

    user_store().parent.mkdir(parents=True, exist_ok=True)
    fill(user_store(), encoder_identity(), entries)


if __name__ == "__main__":
    main()
