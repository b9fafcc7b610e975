"""Time and memory of the losses against lightly's, and of tiled against plain NT-Xent.

    PYTHONPATH=.peers python -m benchmarks.loss_speed --json

Forward and backward together, batch 512, width 2,048, float32, on the CPU. The two sides of a
loss take turns on the same inputs in one process, so that a busy machine slows both; told are
medians, their ratio (above 1: ours is faster) and the difference of the values. Peak memory is
measured in a process of its own for each side: what the resident set grew by above the inputs.
Plain NT-Xent is the usual one: the 2N x 2N matrix and `cross_entropy`. Without lightly only the
second table is made. `--json` writes `benchmarks/results/loss_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy, normalize

from benchmarks.loss_cases import CASES, Case, make_inputs
from reference_impl.methods.simclr import nt_xent

RESULT = Path(__file__).parent / "results" / "loss_speed.json"
BATCH, DIM = 512, 2048
TILED_BATCHES = (4096, 16384)
TILED_DIM = 128
ENOUGH_SECONDS = 3.0
"""How long both sides of a comparison run together, at least."""
NEEDED_BY_PLAIN = 4.5
"""Matrices of (2N)^2 float32 that plain NT-Xent holds at its peak, with something to spare."""


def plain_nt_xent(first: Any, second: Any, temperature: float = 0.5) -> Any:
    """Return NT-Xent through the whole matrix of similarities."""
    rows = normalize(torch.cat([first, second]), dim=1)
    scores = (rows @ rows.T).div_(temperature).fill_diagonal_(-torch.inf)
    return cross_entropy(scores, torch.arange(len(rows)).roll(len(first)))


TILED = Case(2, lambda _: lambda a, b: nt_xent(a, b, temperature=0.5), lambda _: plain_nt_xent)


def once(loss: Callable[..., Any], inputs: Sequence[Any]) -> tuple[float, float]:
    """Return the seconds of one forward and backward pass, and the value."""
    for each in inputs:
        each.grad = None
    begun = time.perf_counter()
    value = loss(*inputs)
    value.backward()
    return time.perf_counter() - begun, float(value.detach())


def compare(case: Case, batch: int, dim: int, rounds: int) -> dict[str, float]:
    """Return the medians of both sides in milliseconds, their ratio, and how the values differ."""
    inputs = make_inputs(case, batch, dim)
    sides = [make(case.width or dim) for make in (case.ours, case.theirs)]
    for _ in range(2):
        passes = [once(side, inputs) for side in sides]
    values = [value for _, value in passes]
    # The median of few rounds of a short pass is not steady.
    rounds = max(rounds, int(ENOUGH_SECONDS / sum(seconds for seconds, _ in passes)))
    seconds: list[list[float]] = [[], []]
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            seconds[which].append(once(sides[which], inputs)[0])
    ours, theirs = (statistics.median(each) for each in seconds)
    return {
        "ours_ms": 1e3 * ours,
        "theirs_ms": 1e3 * theirs,
        "rounds": rounds,
        "ratio": theirs / ours,
        "fastest_ratio": min(seconds[1]) / min(seconds[0]),
        "relative_difference": abs(values[0] - values[1]) / max(1.0, abs(values[1])),
    }


def peak_here(case: Case, side: str, batch: int, dim: int) -> float:
    """Return by how many MiB one pass raises this process's memory; Linux only."""
    loss = getattr(case, side)(case.width or dim)
    # A small pass first: threads, kernels and constants are not the loss's memory.
    small = make_inputs(case, case.least, dim)
    if case.width is None or case.width < 10_000:
        once(loss, small)
    inputs = make_inputs(case, batch, dim)
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _memory("VmRSS")
    once(loss, inputs)
    return (_memory("VmHWM") - before) / 1024


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def peak(name: str, side: str, batch: int, dim: int, threads: int) -> float:
    """Return `peak_here` of a new process."""
    command = [sys.executable, "-m", "benchmarks.loss_speed", "--peak", name, side]
    settings = ["--batch", str(batch), "--dim", str(dim), "--threads", str(threads)]
    run = subprocess.run([*command, *settings], capture_output=True, text=True, check=True)
    return float(run.stdout)


def fits(batch: int) -> bool:
    """Say whether plain NT-Xent fits in the memory that is free now."""
    needed = NEEDED_BY_PLAIN * 4 * (2 * batch) ** 2
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024 > needed
    return False


def against_lightly(names: Sequence[str], rounds: int, threads: int) -> dict[str, dict[str, float]]:
    """Return the comparison of each loss with lightly's."""
    found = {}
    for name in names:
        row = compare(CASES[name], BATCH, DIM, rounds)
        for side in ("ours", "theirs"):
            row[f"{side}_peak_mib"] = peak(name, side, BATCH, DIM, threads)
        found[name] = row
        _tell(name, row)
    return found


def tiled_against_plain(rounds: int, threads: int) -> dict[str, dict[str, float]]:
    """Return the comparison of tiled with plain NT-Xent at each batch size."""
    found = {}
    for batch in TILED_BATCHES:
        name = f"tiled NT-Xent, batch {batch}"
        if not fits(batch):
            print(f"{name}: left out, plain NT-Xent does not fit in the memory that is free")
            continue
        row = compare(TILED, batch, TILED_DIM, rounds if batch < 8192 else 3)
        for side in ("ours", "theirs"):
            row[f"{side}_peak_mib"] = peak("tiled", side, batch, TILED_DIM, threads)
        row["peak_ratio"] = row["theirs_peak_mib"] / row["ours_peak_mib"]
        found[name] = row
        _tell(name, row)
    return found


def _tell(name: str, row: Mapping[str, float]) -> None:
    print(
        f"{name:28} {row['ours_ms']:9.1f} ms {row['theirs_ms']:9.1f} ms {row['ratio']:6.2f}x"
        f" {row['ours_peak_mib']:9.0f} MiB {row['theirs_peak_mib']:9.0f} MiB"
        f"   values differ by {row['relative_difference']:.0e}"
        f"{', each draws at random' if name in CASES and CASES[name].random else ''}",
        flush=True,
    )


def environment(threads: int) -> dict[str, Any]:
    """Return what the numbers depend on."""
    versions: dict[str, str | None] = {}
    for package in ("torch", "lightly"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "packages": versions,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="write the results file")
    parser.add_argument("--rounds", type=int, default=9, help="at least; more of a short loss")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", metavar="LOSS", help="of the first table")
    parser.add_argument("--no-tiles", action="store_true", help="leave the second table out")
    parser.add_argument("--peak", nargs=2, metavar=("LOSS", "SIDE"), help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=BATCH, help=argparse.SUPPRESS)
    parser.add_argument("--dim", type=int, default=DIM, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.peak:
        name, side = given.peak
        case = TILED if name == "tiled" else CASES[name]
        print(peak_here(case, side, given.batch, given.dim))
        return
    report: dict[str, Any] = {"environment": environment(given.threads)}
    report["batch"], report["dim"], report["tiled_dim"] = BATCH, DIM, TILED_DIM
    if find_spec("lightly") is None:
        print("lightly is not installed: losses are not compared with it")
    else:
        names = list(CASES) if given.only is None else given.only
        report["against_lightly"] = against_lightly(names, given.rounds, given.threads)
    if not given.no_tiles:
        report["tiled_against_plain"] = tiled_against_plain(given.rounds, given.threads)
    if given.json:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
