"""A run as rows: what was logged at each point, in log order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kb.run import IntArray, Run


@dataclass(frozen=True, slots=True)
class Row:
    """One logged point: its step, and the values by vocabulary name. `epoch` is the clock's."""

    step: int
    epoch: int
    values: dict[str, float]


def rows(run: Run, epochs_per_point: float = 1.0) -> list[Row]:
    """Return the points of a run, each metric at those at which it was logged.

    Epochs come from the run's own `epoch` series, else from the step times `epochs_per_point`.
    """
    loss = run.series["loss"]
    epochs = run.series.get("epoch")
    counted = epochs.values if epochs is not None else np.floor(loss.steps * epochs_per_point)
    made = [
        Row(step, int(epoch), {})
        for step, epoch in zip(loss.steps.tolist(), counted.tolist(), strict=True)
    ]
    for name, one in run.series.items():
        if name == "epoch":
            continue
        where = points(loss.steps, one.steps)
        for point, value in zip(where.tolist(), one.values.tolist(), strict=True):
            made[point].values[name] = value
    return made


def points(dense: IntArray, sparse: IntArray) -> IntArray:
    """Return the indices in `dense` (n,) of the evenly spread points `sparse` (m,).

    Steps alone do not tell: a resumed run has some of them twice.
    """
    for every in range(1, dense.size + 1):
        chosen = np.arange(every - 1, dense.size, every)
        if chosen.size == sparse.size and np.array_equal(dense[chosen], sparse):
            return chosen
        if chosen.size < sparse.size:
            break
    raise ValueError(f"{sparse.size} points are not every k-th of {dense.size}")
