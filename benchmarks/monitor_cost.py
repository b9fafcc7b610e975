"""`python -m benchmarks.monitor_cost`: what the monitor costs of a CPU training, and that it
changes nothing.

Two trainings of each method take turns, step by step: one with the monitor at its default
cadence, one without. Told are the share of the time that the monitor takes, the ratio of all
steps' time, and whether both end with the same weights bit for bit.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from reference_impl.monitor import Monitor
from reference_impl.train.session import Session
from reference_impl.train.spec import RunSpec

METHODS = ("simclr", "vicreg", "byol")
OUT = Path(__file__).parent / "results" / "monitor_cost.json"


def steps(session: Session, monitor: Monitor | None) -> Iterator[float]:
    """Yield the seconds of each step."""
    while session.done < session.steps:
        begun = time.perf_counter()
        batch = next(session.batches())
        output = session.updater.update(session.done, batch, watched=False).output
        if monitor is not None:
            monitor.observe(
                output.loss,
                h=output.features[0],
                z=output.embeddings,
                model=session.method,
                step=session.done,
            )
        session.done += 1
        yield time.perf_counter() - begun


def measured(method: str, count: int) -> dict[str, Any]:
    """Train twice, in turns, and compare."""
    spec = RunSpec(method, steps=count, seed=3)
    with tempfile.TemporaryDirectory() as folder:
        # Random numbers are drawn from one stream: each training keeps its own state of it.
        sessions = [Session.start(spec, "cpu"), Session.start(spec, "cpu")]
        states = [torch.get_rng_state()] * 2
        with Monitor(folder) as monitor:
            turns = [steps(sessions[0], monitor), steps(sessions[1], None)]
            seconds: list[list[float]] = [[], []]
            for number in range(count):
                for which in (0, 1) if number % 2 else (1, 0):
                    torch.set_rng_state(states[which])
                    seconds[which].append(next(turns[which]))
                    states[which] = torch.get_rng_state()
            spent = monitor.spent
        ranks = (Path(folder) / "metrics.jsonl").read_text().count("rankme_z")
    weights = [one.method.state_dict() for one in sessions]
    return {
        "steps": count,
        "median_step_s": round(statistics.median(seconds[1]), 5),
        "share_of_time": round(spent / sum(seconds[0]), 5),
        "records_with_ranks": ranks,
        "time_ratio": round(sum(seconds[0]) / sum(seconds[1]), 4),
        "weights_identical": all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0]),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; with --save also write benchmarks/results/monitor_cost.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args(arguments)
    environment = f"{platform.platform()}, Python {platform.python_version()}, "
    environment += f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    result: dict[str, Any] = {
        "environment": environment,
        **{m: measured(m, asked.steps) for m in METHODS},
    }
    text = json.dumps(result, indent=2)
    sys.stdout.write(f"{text}\n")
    if asked.save:
        OUT.write_text(f"{text}\n", encoding="utf-8")
    changed = [m for m in METHODS if not result[m]["weights_identical"]]
    if changed:
        sys.stderr.write(f"the monitor changed the weights of {', '.join(changed)}\n")
    return 1 if changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
