"""Does `watch` see a fault in time? A real writer appends while the command follows.

    python -m benchmarks.live [--only csv-nan csv-collapse jsonl-nan jsonl-collapse million]
                              [--seconds 60]

A process appends 50 rows a second of a healthy run; after three quarters of the time its loss
becomes NaN, or its embeddings collapse. Measured are the seconds from the first faulty row to
the line of `ssl-doctor watch RUN --json` that says sick, and the memory of `watch` (/proc).
`million` appends a million rows as fast as they can be written, then a fault.

Writes benchmarks/results/live.json. Ends with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import live_writer
from benchmarks.index_choice import environment

RESULT = Path(__file__).resolve().parent / "results" / "live.json"
COMMAND = Path(sys.executable).with_name("ssl-doctor")

SECONDS = 60.0
HEALTHY_SHARE = 0.75
"""Share of the time after which the fault shows."""

BARS = {"delay_s": 2.0, "grown_mib": 32.0}
"""Seconds until the fault is told, and memory that `watch` may gain after its first verdict."""

CASES = ("csv-nan", "csv-collapse", "jsonl-nan", "jsonl-collapse", "million")
_SAMPLES_PER_S = 4
_PATIENCE = 60.0
"""Seconds to wait for a verdict before it counts as never given."""


@dataclass(slots=True)
class Watch:
    """A running `ssl-doctor watch`: its lines with the time they came, and its memory."""

    process: subprocess.Popen[str]
    lines: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    memory_mib: list[tuple[float, float]] = field(default_factory=list)
    """Resident memory, with the time it was looked at."""

    def sick_since(self, moment: float) -> tuple[float, dict[str, Any]] | None:
        """Return the first line after a moment that says sick, and when it came."""
        after = (one for one in self.lines if one[0] >= moment and one[1]["change"] == "sick")
        return next(after, None)

    def read(self) -> None:
        """Take lines until there are no more."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.time(), json.loads(line)))

    def sample(self) -> None:
        """Note the memory until the process ends."""
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("VmRSS:"):
                    self.memory_mib.append((time.time(), int(line.split()[1]) / 1024))
            time.sleep(1 / _SAMPLES_PER_S)


@contextmanager
def watching(run: Path) -> Iterator[Watch]:
    """Follow a run with the command while the context lasts."""
    process = subprocess.Popen(
        [str(COMMAND), "watch", str(run), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    watch = Watch(process)
    threads = [threading.Thread(target=one) for one in (watch.read, watch.sample)]
    for one in threads:
        one.start()
    try:
        yield watch
    finally:
        process.kill()
        process.wait()
        for one in threads:
            one.join()


def live(folder: Path, case: str, seconds: float) -> dict[str, Any]:
    """Write and follow one run; `case` is a format and a fault of live_writer, or `million`."""
    form, fault = ("csv", "nan") if case == "million" else case.split("-")
    rows = 1_000_000 if case == "million" else int(seconds * HEALTHY_SHARE * live_writer.PER_SECOND)
    faulty = live_writer.PER_SECOND * 5 if case == "million" else rows // 3
    run = folder / case
    with watching(run) as watch:
        command = [sys.executable, "-m", "benchmarks.live_writer", str(run), form, fault]
        paced = [] if case == "million" else ["--paced"]
        with subprocess.Popen(
            [*command, str(rows), str(faulty), *paced], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            shown = float(writer.stdout.readline())
            end = time.time() + _PATIENCE
            while watch.sick_since(shown) is None and time.time() < end:
                time.sleep(0.05)
            writer.wait()
    return _seen(watch, shown, rows)


def _seen(watch: Watch, shown: float, rows: int) -> dict[str, Any]:
    sick = watch.sick_since(shown)
    first = next((when for when, one in watch.lines if one["verdict"]), shown)
    settled = [held for when, held in watch.memory_mib if when >= first]
    return {
        "healthy_rows": rows,
        "before": [
            {"change": one["change"], "step": one["step"], "diagnosis": one["diagnosis"]}
            for when, one in watch.lines
            if when < shown
        ],
        "delay_s": None if sick is None else round(sick[0] - shown, 2),
        "diagnosis": None if sick is None else sick[1]["diagnosis"],
        "sick_at_step": None if sick is None else sick[1]["step"],
        "memory_samples": len(settled),
        "memory_first_mib": round(settled[0], 1) if settled else None,
        "memory_max_mib": round(max(settled), 1) if settled else None,
        "grown_mib": round(max(settled) - settled[0], 1) if settled else None,
        "grown_in_second_half_mib": _late_growth(settled),
    }


def _late_growth(memory: list[float]) -> float | None:
    """Return by how much the most of the second half exceeds that of the first."""
    half = len(memory) // 2
    return round(max(memory[half:]) - max(memory[:half]), 1) if half else None


def missed(case: str, seen: dict[str, Any]) -> list[str]:
    """Return the bars that a case misses, in words."""
    found: list[str] = []
    if any(one["change"] == "sick" for one in seen["before"]):
        found.append(f"{case}: sick before the fault")
    if seen["delay_s"] is None:
        found.append(f"{case}: the fault was never told")
    elif case != "million" and seen["delay_s"] >= BARS["delay_s"]:
        found.append(f"{case}: told after {seen['delay_s']} s, bar {BARS['delay_s']} s")
    if seen["grown_mib"] is None or seen["grown_mib"] >= BARS["grown_mib"]:
        found.append(f"{case}: memory grew by {seen['grown_mib']} MiB, bar {BARS['grown_mib']}")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the cases, print and keep what was seen; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of each run")
    given = parser.parse_args(arguments)
    held: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in given.only:
            before = environment()
            seen = live(Path(folder), case, given.seconds)
            print(case, json.dumps(seen, indent=1))
            held[case] = {**seen, "seconds": given.seconds, "environment": before}
            problems += missed(case, seen)
    held["bars"] = BARS
    RESULT.write_text(json.dumps(held, indent=1) + "\n")
    for one in problems:
        print(one, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
