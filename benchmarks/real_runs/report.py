"""Print the real runs that are kept, as a Markdown table.

python -m benchmarks.real_runs.report
"""

from __future__ import annotations

from benchmarks.real_runs.spec import KINDS
from benchmarks.real_runs.truth import RUNS, truths

COLUMNS = ("run", "method", "format", "truth", "points", "kNN", "spread", "loss", "s")


def main() -> None:
    """Print one row for each run, healthy ones first."""
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---" * len(COLUMNS) + "|")
    for kind in KINDS:
        for line in truths(RUNS / kind).values():
            check = line["check"]
            labels = ", ".join(name for name, grade in line["labels"].items() if grade == 2)
            ends = (f"{check[f'{name}_start']} → {check[f'{name}_end']}" for name in MEASURED)
            cells = [line["run"], line["method"], line["format"], labels or "healthy"]
            cells += [str(check["points"]), *ends, str(check["seconds"])]
            print("| " + " | ".join(cells) + " |")


MEASURED = ("knn", "spread", "loss")

if __name__ == "__main__":
    main()
