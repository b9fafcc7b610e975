"""A run's values as one CSV table under names that every rival documents."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from benchmarks.rival_tools import NAMES
from kb.run import Run, Series

_CLOCKS = ("step", "epoch", "wall_time")
_Place = tuple[int, int, int]


def write_table(run: Run, path: Path) -> None:
    """Write every series of `run` to a CSV file: a row for each step, blanks where nothing was
    logged. Steps that went back or were repeated keep their order, NaN is written as such."""
    columns = {
        NAMES.get(name, name): _placed(one)
        for name, one in (*run.series.items(), *run.unknown.items())
        if name not in _CLOCKS
    }
    places = sorted({place for column in columns.values() for place in column})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *columns])
        for place in places:
            row = [column.get(place, "") for column in columns.values()]
            writer.writerow([place[1], *row])


def _placed(series: Series) -> dict[_Place, float]:
    """Return (how often the step went back so far, step, how often it was repeated) -> value."""
    placed: dict[_Place, float] = {}
    seen: Counter[int] = Counter()
    turns, last = 0, None
    for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
        if last is not None and step < last:
            turns += 1
            seen.clear()
        placed[turns, step, seen[step]] = value
        seen[step] += 1
        last = step
    return placed
