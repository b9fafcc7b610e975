"""What the Run screen costs beside a live run, and whether a million points hold it up.

    python -m benchmarks.tui_live [--seconds 60]

`live`: a process appends 50 rows a second; `ssl-doctor tui RUN` shows it in a pseudo-terminal of
120x40. Measured is the processor time of that process, all threads, as a share of one core,
once it has loaded its engine. `redraws`: the same screen driven headless counts its redraws.
`million`: a run of a million values of one metric is attached; the delay of the event loop is
the lateness of a timer of 5 ms, from the moment of attaching until all values are drawn and the
cursor was moved over them. Values are written before; a spike of one value must be in the chart.

Writes benchmarks/results/tui_live.json. Ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import math
import os
import pty
import random
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.index_choice import environment

RESULT = Path(__file__).resolve().parent / "results" / "tui_live.json"
COMMAND = Path(sys.executable).with_name("ssl-doctor")

COLUMNS, ROWS = 120, 40
SECONDS = 60.0
SETTLED_S = 25.0
"""Seconds for the engine to load before anything is measured."""

BARS = {"share_of_core": 0.15, "redraws_per_s": 4.0, "delay_p99_ms": 100.0}
POINTS = 1_000_000
SPIKE_AT, SPIKE = 623_457, 50.0
_TICK_S = 0.005


@contextmanager
def writer(run: Path) -> Iterator[None]:
    """Append 50 rows a second to `run` until left."""
    arguments = [str(run), "jsonl", "nan", "1000000", "1", "--paced"]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.live_writer", *arguments])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def cost_of_live(run: Path, seconds: float) -> dict[str, float]:
    """Return the share of one core that `ssl-doctor tui RUN` takes, and what it writes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(COMMAND, [str(COMMAND), "tui", str(run)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = [0]
    threading.Thread(target=_drain, args=(terminal, written), daemon=True).start()
    try:
        time.sleep(SETTLED_S / 2)
        os.write(terminal, b"\x1b")  # out of the query box, then to the Run screen
        time.sleep(1)
        os.write(terminal, b"2")
        time.sleep(SETTLED_S / 2)
        before, bytes_before, begun = _processor_s(pid), written[0], time.monotonic()
        time.sleep(seconds)
        wall = time.monotonic() - begun
        used = _processor_s(pid) - before
        return {
            "share_of_core": round(used / wall, 4),
            "bytes_per_s": round((written[0] - bytes_before) / wall),
            "seconds": round(wall, 1),
        }
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


def _drain(terminal: int, written: list[int]) -> None:
    while True:
        try:
            written[0] += len(os.read(terminal, 1 << 16))
        except OSError:
            return


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def redraws_of_live(run: Path, seconds: float) -> dict[str, float]:
    """Return how often the Run screen draws a second, driven without a terminal."""
    from tui.app import DoctorApp
    from tui.run.screen import RunScreen

    app = DoctorApp(run)
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        app.switch_mode("run")
        await _until(pilot, lambda: app.session.run_answer is not None)
        screen = app.screen
        assert isinstance(screen, RunScreen)
        before, begun = screen.redraws, time.monotonic()
        await asyncio.sleep(seconds)
        wall = time.monotonic() - begun
        drawn = screen.redraws - before
    app.consultation.close()
    return {"redraws_per_s": round(drawn / wall, 2), "seconds": round(wall, 1)}


async def delays_of_million(run: Path) -> dict[str, float]:
    """Return the delays of the event loop while a million points are read, drawn and read off."""
    from tui.app import DoctorApp
    from tui.run.charts import Charts

    app = DoctorApp()
    late: list[float] = []
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        app.switch_mode("run")
        await _until(pilot, lambda: app.consultation._warm)
        timer = asyncio.create_task(_lateness(late))
        begun = time.monotonic()
        app.attach(run)
        charts = app.screen.query_one(Charts)
        await _until(pilot, lambda: _points(charts) == POINTS)
        drawn = time.monotonic() - begun
        for key in ("left", *["left_square_bracket"] * 5, "s", "s", "down", "x"):
            await pilot.press(key)
        await asyncio.sleep(1)
        timer.cancel()
        chart = charts.chosen_view.chart if charts.chosen_view else None
        top = chart.curves[0].extremes() if chart else None
    app.consultation.close()
    late.sort()
    return {
        "points": POINTS,
        "drawn_after_s": round(drawn, 2),
        "delay_p50_ms": round(1000 * late[len(late) // 2], 1),
        "delay_p99_ms": round(1000 * late[int(0.99 * len(late))], 1),
        "delay_max_ms": round(1000 * late[-1], 1),
        "spike_shown": float(top is not None and top[1] == SPIKE),
    }


async def _lateness(late: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        late.append(max(0.0, time.perf_counter() - begun - _TICK_S))


def _points(charts: Any) -> int:
    view = charts.chosen_view
    return int(view.chart.curves[0].counts.sum()) if view and view.chart else 0


async def _until(pilot: Any, ready: Any) -> None:
    for _ in range(6000):
        await pilot.pause(0.02)
        if ready():
            return
    raise TimeoutError("the app did not get there")


def write_million(run: Path) -> None:
    """Write a million rows of one metric, with one spike."""
    rng = random.Random(1)
    run.mkdir()
    (run / "config.json").write_text(json.dumps({"method": "simclr", "batch_size": 256}))
    with (run / "metrics.csv").open("w") as file:
        file.write("step,loss\n")
        for step in range(POINTS):
            value = SPIKE if step == SPIKE_AT else 4.9 + 1.2 * math.exp(-step / 4e4)
            file.write(f"{step},{value + rng.gauss(0, 0.02) * (step != SPIKE_AT):.6g}\n")


def main() -> None:
    """Measure, write the result, and hold it against the bars."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tui_live",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--only", nargs="*", default=["live", "redraws", "million"])
    given = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        if "live" in given.only or "redraws" in given.only:
            run = Path(folder) / "live"
            with writer(run):
                if "live" in given.only:
                    found["live"] = cost_of_live(run, given.seconds)
                if "redraws" in given.only:
                    found["redraws"] = asyncio.run(redraws_of_live(run, given.seconds / 2))
        if "million" in given.only:
            write_million(Path(folder) / "million")
            found["million"] = asyncio.run(delays_of_million(Path(folder) / "million"))
    flat = {name: value for case in found.values() for name, value in case.items()}
    missed = [name for name, bar in BARS.items() if name in flat and flat[name] > bar]
    if flat.get("spike_shown") == 0:
        missed.append("spike_shown")
    print(json.dumps(found, indent=2))
    if set(given.only) >= {"live", "redraws", "million"}:
        RESULT.write_text(
            json.dumps({"environment": environment(), "bars": BARS, **found}, indent=2) + "\n"
        )
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
