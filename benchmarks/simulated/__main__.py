"""`python -m benchmarks.simulated OUT`: write simulated runs in real log formats.

python -m benchmarks.simulated /tmp/runs --healthy 300 --per-fault 20 --seed 1
python -m benchmarks.simulated /tmp/runs --healthy 10 --per-fault 1 --formats jsonl tensorboard
"""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from benchmarks.simulated.faults import FAULTS
from benchmarks.simulated.generate import faulty, healthy
from benchmarks.simulated.writers import FORMATS, write_corpus
from kb.errors import UsageError


def main(arguments: list[str] | None = None) -> int:
    """Write the corpus; return 0, or 2 when it cannot be written as asked."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulated",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="a new directory")
    parser.add_argument("--healthy", type=int, default=300, help="healthy runs")
    parser.add_argument("--per-fault", type=int, default=20, help="runs of each fault")
    parser.add_argument("--faults", nargs="+", default=sorted(FAULTS), metavar="ID")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), metavar="FORMAT")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    wanted = [faulty(entry, given.per_fault, given.seed) for entry in given.faults]
    runs = chain(healthy(given.healthy, given.seed), *wanted)
    total = given.healthy + given.per_fault * len(given.faults)
    try:
        write_corpus(tqdm(runs, total=total, unit="run"), given.out, given.formats)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
