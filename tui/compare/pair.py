"""Two runs read and compared, and the charts that lay one over the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assistant.compare import Comparison, Parting, compare
from assistant.levels import Level, levels_of
from ingest import open_run
from kb.run import Run
from tui.run.picture import Chart
from tui.run.trace import Trace

Where = Literal["parts", "alike", "too short", "only in A", "only in B"]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two runs and how they compare."""

    a: Run
    b: Run
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of the list; `parting` is None where nothing could be compared."""

    metric: str
    where: Where
    parting: Parting | None = None


def read_pair(path_a: Path, path_b: Path) -> Pair:
    """Read two runs and compare them; InputUnreadable for a path without one."""
    a, b = open_run(path_a), open_run(path_b)
    return Pair(a, b, compare(a, b))


def rows_of(pair: Pair) -> list[Row]:
    """Return the metrics in the order in which the runs part, then those that tell nothing."""
    found = pair.comparison
    rows = [
        Row(one.metric, "alike" if one.step is None else "parts", one) for one in found.partings
    ]
    rows += [Row(name, "too short") for name in found.too_short]
    rows += [Row(name, "only in A") for name in found.only_a if len(pair.a.series[name])]
    rows += [Row(name, "only in B") for name in found.only_b if len(pair.b.series[name])]
    return rows


def chart_of(pair: Pair, row: Row) -> Chart | None:
    """Return the two curves of a metric over the steps of both, None when neither has values."""
    held = [one for one in (pair.a.series.get(row.metric), pair.b.series.get(row.metric)) if one]
    traces = tuple(Trace.from_series(series) for series in held if len(series))
    extents = [extent for trace in traces if (extent := trace.extent()) is not None]
    if not extents:
        return None
    step = row.parting.step if row.parting is not None else None
    return Chart(
        row.metric,
        traces,
        min(first for first, _ in extents),
        max(last for _, last in extents),
        _levels(pair, row.metric),
        marked=step,
        note=row.where if row.where.startswith("only") else "",
    )


def _levels(pair: Pair, metric: str) -> tuple[Level, ...]:
    """Return the levels that hold for both runs."""
    one, other = (levels_of(run).get(metric, ()) for run in (pair.a, pair.b))
    if metric not in pair.b.series:
        return one
    if metric not in pair.a.series:
        return other
    return tuple(level for level in one if level in other)
