"""Small entries, runs and counts for tests of the judging, independent of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from assistant.judge import Judged
from assistant.likelihoods import Counts, Likelihoods
from assistant.posterior import Model
from kb.run import FloatArray, Run, Series
from kb.signature import Verdict
from kb.signature.evaluate import State
from kb.types import Entry, Scalar


def entry(
    entry_id: str,
    signature: str = "loss.last > 0",
    *,
    leads_to: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
    metrics: tuple[str, ...] = (),
) -> Entry:
    """Return an entry with a signature and little else."""
    return Entry(
        entry_id, entry_id, "family", "bundled", "documented",
        methods=methods, signature=signature, metrics=metrics, leads_to=leads_to,
    )  # fmt: skip


def run_of(
    config: Mapping[str, Scalar] | None = None,
    /,
    **series: Sequence[float] | FloatArray | float,
) -> Run:
    """Return a run; two underscores in a metric's name stand for a slash."""
    named = {
        name.replace("__", "/"): np.atleast_1d(values).tolist() for name, values in series.items()
    }
    return Run(config or {}, {name: Series.from_values(name, one) for name, one in named.items()})


def judged_as(**states: State) -> dict[str, Judged]:
    """Return what signatures of entries of these names said."""
    return {
        name: Judged(entry(name), Verdict(state, (), ("x",) if state == "unknown" else ()))
        for name, state in states.items()
    }


def counts_of(
    faults: Mapping[str, Mapping[str, float]], runs: int = 100, healthy: float = 0.0
) -> Likelihoods:
    """Return counts over `runs` runs each: `faults` maps a fault to the shares on which
    signatures fired, those not named never; `healthy` is the share on healthy runs."""
    names = sorted(frozenset(faults).union(*faults.values()))
    return Likelihoods(
        {name: Counts(round(runs * healthy), runs) for name in names},
        {
            fault: {name: Counts(round(runs * shares.get(name, 0)), runs) for name in names}
            for fault, shares in faults.items()
        },
    )


def model(
    faults: Mapping[str, Mapping[str, float]],
    *,
    leads_to: Mapping[str, tuple[str, ...]] | None = None,
    methods: Mapping[str, tuple[str, ...]] | None = None,
) -> Model:
    """Return the model of these shares; see `counts_of`."""
    signed = tuple(faults)
    return Model(
        signed,
        {name: (leads_to or {}).get(name, ()) for name in signed},
        {name: (methods or {}).get(name, ()) for name in signed},
        counts_of(faults),
    )


def falls(
    start: float,
    end: float,
    *,
    count: int = 100,
    noise: float = 0.0,
    rate: float = 5,
    seed: int = 0,
) -> FloatArray:
    """Return a curve that goes from `start` towards `end`, up or down, with Gaussian noise."""
    curve = end + (start - end) * np.exp(-rate * np.linspace(0, 1, count))
    return np.asarray(curve + np.random.default_rng(seed).normal(0, noise, count))


def flat(level: float, *, count: int = 100, noise: float = 0.0, seed: int = 0) -> FloatArray:
    """Return `level` with Gaussian noise."""
    return np.asarray(level + np.random.default_rng(seed).normal(0, noise, count))


def write_csv(path: Path, **columns: Sequence[float] | FloatArray) -> Path:
    """Write a table with a step column, as loggers do; blank where a column has ended."""
    rows = max(len(values) for values in columns.values())
    lines = [",".join(["step", *columns])]
    for row in range(rows):
        cells = [f"{values[row]:.6g}" if row < len(values) else "" for values in columns.values()]
        lines.append(",".join([str(10 * row), *cells]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
