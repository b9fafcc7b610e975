"""How long does judging runs take? One run of 10,000 steps, and 1,000 runs in one call.

    python -m benchmarks.run_speed [--only one many] [--quick]

one   a run of 10,000 steps and 8 columns as Lightning CSV, JSON lines and console text: judged by
      `assistant.diagnose` after a first call, in parts, and cold by `ssl-doctor diagnose`
many  1,000 simulated runs in all formats (benchmarks/simulated) by `ssl-doctor diagnose DIR/*`

Writes benchmarks/results/run_speed.json, of which `--only` replaces what it measured. Ends
with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import assistant
from benchmarks.index_choice import environment
from benchmarks.simulated.faults import FAULTS
from benchmarks.simulated.generate import faulty, healthy
from benchmarks.simulated.writers import write_corpus
from ingest.runs.assemble import assemble
from ingest.runs.locate import locate
from ingest.runs.log import Log
from ingest.runs.settings import Layer

RESULT = Path(__file__).resolve().parent / "results" / "run_speed.json"
COMMAND = Path(sys.executable).with_name("ssl-doctor")

STEPS = 10_000
RUNS = 1000
BARS = {"judged_s": 0.3, "many_s": 60.0}
"""What the project promises: `judged_s` for CSV and JSON lines in a process that has judged a
run before."""

PROMISED = ("csv", "jsonl")
_TIMES, _COLD_TIMES = 11, 5

Row = dict[str, float]


def rows() -> list[Row]:
    """Return the records of a healthy contrastive run, 8 values each."""
    noise = np.random.default_rng(1).normal(size=(STEPS, 5))
    return [
        {
            "epoch": step // 100,
            "step": step,
            "train_loss": 3.0 + 2.0 * float(np.exp(-step / 2000)) + 0.02 * one[0],
            "z_std": 0.9 + 0.01 * one[1],
            "lr": 0.03 * (1 + float(np.cos(np.pi * step / STEPS))),
            "grad_norm": 1.0 + 0.1 * abs(one[2]),
            "mean_cos": 0.05 + 0.01 * one[3],
            "rankme_z": 100.0 + one[4],
        }
        for step, one in enumerate(noise.tolist())
    ]


def _csv(folder: Path, held: list[Row]) -> None:
    lines = [",".join(held[0]), *(",".join(map(repr, row.values())) for row in held)]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")


def _jsonl(folder: Path, held: list[Row]) -> None:
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in held))


def _console(folder: Path, held: list[Row]) -> None:
    lines = []
    for row in held:
        told = " ".join(f"{name}: {value:.5f}" for name, value in list(row.items())[2:])
        lines.append(f"INFO Epoch: [{row['epoch']}][{row['step'] % 100}/100] {told}\n")
    (folder / "train.log").write_text("".join(lines))


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "console": _console,
}


def measure_one(folder: Path, quick: bool) -> dict[str, Any]:
    """Judge one run in each format; medians of several times, in seconds."""
    found: dict[str, Any] = {}
    held = rows()
    for name, write in WRITERS.items():
        place = folder / name
        place.mkdir()
        write(place, held)
        assistant.diagnose(place)
        times = [_parts(place) for _ in range(3 if quick else _TIMES)]
        cold = [_cold(place)[0] for _ in range(1 if quick else _COLD_TIMES)]
        found[name] = {
            "bytes": sum(path.stat().st_size for path in place.iterdir()),
            **{part: round(statistics.median(one[part] for one in times), 4) for part in times[0]},
            "cold_s": round(statistics.median(cold), 3),
        }
    return found


def _parts(place: Path) -> dict[str, float]:
    """Return what `assistant.diagnose` takes, and its parts one by one."""
    begun = time.perf_counter()
    answer = assistant.diagnose(place)
    clock = [time.perf_counter()]
    located = locate(place)
    clock.append(time.perf_counter())
    log = Log(located.logger)
    source = located.open(log)
    source.poll()
    source.close()
    clock.append(time.perf_counter())
    layers, _ = located.layers()
    run = assemble(log, layers=[Layer(place.name, log.settings), *layers])
    clock.append(time.perf_counter())
    assistant.diagnose(run)
    clock.append(time.perf_counter())
    if answer.verdict != "healthy":
        raise RuntimeError(f"{place}: the verdict is {answer.verdict}, expected healthy")
    parts = ("locate_s", "read_s", "assemble_s", "judge_s")
    spent = (after - before for before, after in pairwise(clock))
    return {"judged_s": clock[0] - begun, **dict(zip(parts, spent, strict=True))}


def measure_many(folder: Path, quick: bool) -> dict[str, Any]:
    """Judge many simulated runs in one call."""
    count = 50 if quick else RUNS
    each = count // (3 * len(FAULTS)) or 1
    wanted = [faulty(entry, each, 1) for entry in FAULTS]
    healthy_ones = healthy(max(count - each * len(FAULTS), 1), 1)
    corpus = folder / "runs"
    write_corpus(tqdm(chain(healthy_ones, *wanted), unit="run", total=count), corpus)
    runs = sorted(str(path) for path in corpus.iterdir() if path.is_dir())
    processor = _processor_s()
    seconds, printed = _cold(*runs)
    judged = [one["answer"] for one in json.loads(printed)["runs"]]
    verdicts = Counter(one["verdict"] if one else "unread" for one in judged)
    if len(judged) != len(runs):
        raise RuntimeError(f"{len(judged)} answers to {len(runs)} runs")
    truth = [json.loads(line) for line in (corpus / "truth.jsonl").read_text().splitlines()]
    return {
        "runs": len(runs),
        "bytes": sum(path.stat().st_size for path in corpus.rglob("*") if path.is_file()),
        "formats": dict(Counter(one["format"] for one in truth)),
        "many_s": round(seconds, 1),
        "many_processor_s": round(_processor_s() - processor, 1),
        "ms_each": round(1e3 * seconds / len(runs), 1),
        "verdicts": dict(verdicts),
    }


def _processor_s() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cold(*runs: str | Path) -> tuple[float, str]:
    """Return seconds and output of `ssl-doctor diagnose` in a new process."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(COMMAND), "diagnose", "--json", *map(str, runs)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout.strip():
        raise RuntimeError(f"no answer: {done.stderr[-2000:]}")
    return time.perf_counter() - begun, done.stdout


MEASURES: dict[str, Callable[[Path, bool], dict[str, Any]]] = {
    "one": measure_one,
    "many": measure_many,
}


def missed(result: dict[str, Any]) -> list[str]:
    """Return the bars that a result misses, in words."""
    found = [
        f"{name}: judged in {result['one'][name]['judged_s']} s, bar {BARS['judged_s']} s"
        for name in PROMISED
        if "one" in result and result["one"][name]["judged_s"] >= BARS["judged_s"]
    ]
    if "many" in result and result["many"]["many_s"] >= BARS["many_s"]:
        found.append(f"many: {result['many']['many_s']} s, bar {BARS['many_s']} s")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and keep the result; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=sorted(MEASURES), default=sorted(MEASURES))
    parser.add_argument("--quick", action="store_true", help="few times, 50 runs; not kept")
    given = parser.parse_args(arguments)
    held: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            before = environment()
            measured = MEASURES[name](Path(folder), given.quick)
            held[name] = {**measured, "environment": {**before, "load_after": os.getloadavg()[0]}}
    print(json.dumps({name: held[name] for name in given.only}, indent=1))
    held["bars"] = BARS
    if not given.quick:
        RESULT.write_text(json.dumps(held, indent=1) + "\n")
    problems = missed(held)
    for one in problems:
        print(one, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
