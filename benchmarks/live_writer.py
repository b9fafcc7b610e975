"""Writes a run as a training does, row by row, and shows a fault at its end.

    python -m benchmarks.live_writer RUN csv|jsonl nan|collapse ROWS FAULTY_ROWS [--paced]

Prints the time, in seconds since the epoch, at which the first faulty row was in the file.
Without `--paced` rows come as fast as they can be written.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

PER_SECOND = 50
_AT_ONCE = 5000
"""Rows written together when nothing is paced."""

SETTINGS = {
    "method": "simclr",
    "batch_size": 256,
    "temperature": 0.5,
    "dim": 128,
    "lr": 0.03,
    "optimizer": "sgd",
}
_CHANCE = math.log(2 * 256 - 1)
_FULL_SPREAD = 128**-0.5

Row = dict[str, float]


def rows(healthy: int, faulty: int, fault: str) -> Iterator[Row]:
    """Yield a healthy SimCLR run, then one whose loss is NaN or whose embeddings collapsed."""
    rng = random.Random(1)
    for step in range(healthy + faulty):
        row = {
            "epoch": step // 100,
            "step": step,
            "loss": 4.9 + 1.2 * math.exp(-step / 400) + rng.gauss(0, 0.02),
            "z_std": _FULL_SPREAD * (0.9 - 0.2 * math.exp(-step / 100) + rng.gauss(0, 0.005)),
            "grad_norm": 1.0 + abs(rng.gauss(0, 0.1)),
            "lr": 0.03,
        }
        if step >= healthy and fault == "nan":
            row["loss"] = math.nan
        elif step >= healthy:
            row["loss"], row["z_std"] = _CHANCE + rng.gauss(0, 1e-5), abs(rng.gauss(1e-5, 1e-6))
        yield row


def write(run: Path, form: str, fault: str, healthy: int, faulty: int, paced: bool) -> None:
    """Write the settings, then the rows."""
    run.mkdir(parents=True)
    (run / "config.json").write_text(json.dumps(SETTINGS))
    name = "metrics.csv" if form == "csv" else "log.jsonl"
    begun = time.time()
    with (run / name).open("w") as file:
        if form == "csv":
            file.write("epoch,step,loss,z_std,grad_norm,lr\n")
        for at, row in enumerate(rows(healthy, faulty, fault)):
            _put(file, form, row)
            if paced or at % _AT_ONCE == 0 or at >= healthy:
                file.flush()
            if at == healthy:
                print(time.time(), flush=True)
            if paced or at >= healthy:
                behind = begun + at / PER_SECOND - time.time() if paced else 1 / PER_SECOND
                time.sleep(max(0.0, behind))


def _put(file: TextIO, form: str, row: Row) -> None:
    if form == "csv":
        file.write(",".join(str(round(value, 6)) for value in row.values()) + "\n")
    else:
        file.write(json.dumps(row) + "\n")


def main() -> None:
    """Write as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live_writer",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("form", choices=("csv", "jsonl"))
    parser.add_argument("fault", choices=("nan", "collapse"))
    parser.add_argument("rows", type=int)
    parser.add_argument("faulty", type=int)
    parser.add_argument("--paced", action="store_true")
    given = parser.parse_args()
    write(given.run, given.form, given.fault, given.rows, given.faulty, given.paced)


if __name__ == "__main__":
    main()
