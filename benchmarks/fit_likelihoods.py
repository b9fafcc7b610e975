"""Count how often each signature fires under each fault -> assistant/likelihoods.json.

    python -m benchmarks.fit_likelihoods

Counts over simulated runs (seed 7; the benchmark uses others) and the real short trainings of
benchmarks/data/real_runs. A second label of a run (grade 1) counts as nothing: only the fault
that was put in has a row.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from assistant.judge import judge
from assistant.likelihoods import PATH, Counts, Likelihoods, dump
from benchmarks.simulated import FAULTS, faulty, healthy
from ingest import open_run
from kb.catalogue import Catalogue
from kb.paths import CATALOGUE
from kb.run import Run

REAL = Path(__file__).parent / "data" / "real_runs"
SEED = 7


def runs(healthy_count: int, per_fault: int) -> Iterator[tuple[Run, tuple[str, ...]]]:
    """Yield every run with the entries put into it; none for a healthy one."""
    for one in healthy(healthy_count, SEED):
        yield one.run, ()
    for fault in FAULTS:
        for one in faulty(fault, per_fault, SEED):
            yield one.run, (fault,)
    for path in sorted(REAL.rglob("truth.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            truth = json.loads(line)
            labels = tuple(name for name, grade in truth["labels"].items() if grade == 2)
            yield open_run(path.parent / truth["run"]), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--healthy", type=int, default=400)
    parser.add_argument("--per-fault", type=int, default=30)
    args = parser.parse_args()
    signed = [one.entry for one in Catalogue.from_paths(sorted(CATALOGUE.glob("*/*.md")))]
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    total = 0
    for run, labels in tqdm(runs(args.healthy, args.per_fault), unit="run"):
        total += 1
        states = judge(signed, run)
        for row in labels or ("",):
            for name, one in states.items():
                if one.verdict.state != "unknown":
                    counts[row][name][0] += one.verdict.state == "fired"
                    counts[row][name][1] += 1
    rows = {
        fault: {name: Counts(*pair) for name, pair in row.items()} for fault, row in counts.items()
    }
    quiet = rows.pop("", {})
    about = {
        "command": "python -m benchmarks.fit_likelihoods",
        "runs": total,
        "healthy": args.healthy,
        "per_fault": args.per_fault,
        "seed": SEED,
    }
    PATH.write_text(dump(Likelihoods(quiet, rows), about), encoding="utf-8")
    alarms = {name: one.fired for name, one in quiet.items() if one.fired}
    print(f"{total} runs, {len(rows)} faults; fired on healthy runs: {alarms or 'none'}")


if __name__ == "__main__":
    main()
