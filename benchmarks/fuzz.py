"""Do the readers survive anything? Mutated logs of every format, on all cores.

    python -m benchmarks.fuzz --count 1000000 [--seed 1] [--seconds 3600] [--format NAME ...]
    python -m benchmarks.fuzz --format NAME --replay FOLDER

A defect is: an exception that is no SslDoctorError, an input that takes over 1 s of processor
time or 20 s in all, memory that grows, a process that dies, a Log that is not what it promises
(benchmarks/fuzz_targets.py). Inputs with a defect are saved below --failures, with a command
that repeats it. `--result` writes counts, times and environment as JSON.
Ends with 1 when there is a defect.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.fuzz_inputs import mutated
from benchmarks.fuzz_pool import LIMIT, Defect, Job, Pool, fast_folder, run_one, stop_hangs
from benchmarks.fuzz_targets import formats
from benchmarks.index_choice import environment

TOTAL_GROWTH = 256 << 20
"""Bytes by which the memory of a process may grow over all inputs after the first few hundred."""

_SAVED_OF_A_KIND = 3


def fuzz(job: Job, failures: Path) -> dict[str, Any]:
    """Run all inputs, save those that show a defect, and return what was seen."""
    counts = Counter[str]()
    processor: dict[str, float] = {}
    slowest: dict[str, tuple[float, int, int]] = {}
    kinds = Counter[str]()
    told: list[dict[str, Any]] = []
    grown: dict[int, int] = {}
    begun = time.perf_counter()
    with tqdm(total=job.count, unit="input", mininterval=1, smoothing=0.02) as bar:
        for tally in Pool(job).tallies():
            counts += tally.counts
            for form, one in tally.slowest.items():
                processor[form] = processor.get(form, 0.0) + tally.processor_s[form]
                slowest[form] = max(slowest.get(form, (0.0, 0, 0)), one)
            grown[tally.worker] = max(grown.get(tally.worker, 0), tally.grown_bytes)
            for defect in tally.defects:
                kinds[defect.kind] += 1
                if kinds[defect.kind] <= _SAVED_OF_A_KIND:
                    told.append(_saved(defect, job.seed, failures))
            bar.update(tally.counts.total())
            bar.set_postfix(defects=sum(kinds.values()))
    seconds = time.perf_counter() - begun
    if max(grown.values()) > TOTAL_GROWTH:
        kinds[f"memory grew by {max(grown.values()) >> 20} MiB over all inputs"] += 1
    return {
        "seed": job.seed,
        "inputs": counts.total(),
        "by_format": {
            form: {
                "inputs": counts[form],
                "processor_ms_each": round(1e3 * processor[form] / max(counts[form], 1), 3),
                "slowest_s": round(slowest[form][0], 4),
                "slowest_number": slowest[form][1],
                "slowest_bytes": slowest[form][2],
            }
            for form in job.forms
            if form in slowest
        },
        "slowest_s": round(max(one[0] for one in slowest.values()), 4),
        "limit_s": LIMIT,
        "memory_grown_mib": {worker: bytes_ >> 20 for worker, bytes_ in sorted(grown.items())},
        "defects": dict(kinds),
        "saved": told,
        "wall_s": round(seconds, 1),
        "inputs_per_s_and_core": round(counts.total() / seconds / job.workers),
        "workers": job.workers,
    }


def _saved(defect: Defect, seed: int, failures: Path) -> dict[str, Any]:
    """Save an input and say how to repeat it."""
    folder = failures / f"{defect.form}-{seed}-{defect.number}"
    for name, content in mutated(seed, defect.form, defect.number).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    again = f"python -m benchmarks.fuzz --format {defect.form} --replay {folder}"
    tqdm.write(f"{defect.kind}\n{defect.told}    {again}", file=sys.stderr)
    return asdict(defect) | {"again": again}


def replay(form: str, folder: Path) -> int:
    """Read a saved input again; return 1 when it shows a defect."""
    bundle = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    stop_hangs()
    with tempfile.TemporaryDirectory(dir=fast_folder()) as scratch:
        seconds, kind, told = run_one(form, bundle, Path(scratch) / "run")
    print(f"{seconds:.3f} s of processor time", kind, told, sep="\n")
    return int(bool(kind))


def main(arguments: list[str] | None = None) -> int:
    """Fuzz or repeat; return 1 when there is a defect."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=20_000, help="inputs of all formats together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--format", nargs="+", choices=sorted(formats()), dest="forms")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), metavar="FOLDER")
    parser.add_argument("--replay", type=Path, metavar="FOLDER", help="read a saved input again")
    parser.add_argument("--result", type=Path, metavar="FILE", help="where to write what was seen")
    given = parser.parse_args(arguments)
    forms = tuple(given.forms or formats())
    if given.replay is not None:
        return replay(forms[0], given.replay)
    end = time.time() + given.seconds
    job = Job(given.seed, given.count, forms, given.workers, end)
    before = environment()
    seen = fuzz(job, given.failures)
    print(json.dumps({key: seen[key] for key in ("inputs", "slowest_s", "wall_s", "defects")}))
    if given.result is not None:
        given.result.write_text(json.dumps({**seen, "environment": before}, indent=1) + "\n")
    return int(bool(seen["defects"]))


if __name__ == "__main__":
    sys.exit(main())
