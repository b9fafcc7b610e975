"""A training run as data: its config and its metric series, with missing kept missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from kb.types import Scalar

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CONFIG_NAMES: tuple[str, ...] = (
    "method",
    "batch_size",
    "global_batch_size",
    "world_size",
    "accum_steps",
    "temperature",
    "dim",
    "hidden_dim",
    "queue_size",
    "prototypes",
    "classes",
    "lr",
    "epochs",
    "precision",
    "ema_momentum",
    "lambda_inv",
    "lambda_var",
    "lambda_cov",
    "warmup_epochs",
    "weight_decay",
    "grad_clip",
    "optimizer",
    "teacher_temperature",
    "stop_gradient",
    "mask_ratio",
    "dataset_size",
)
"""The closed set of config names that signatures and fixes may use. `batch_size` counts
images per process; `dim` is the projector's output width; `stop_gradient` is 1 or 0;
`dataset_size` counts training images; `grad_clip` is the norm, 0 for none."""

FindingKind = Literal[
    "step went back",
    "step repeated",
    "incomplete record",
    "unreadable record",
    "not finite",
    "mixed clocks",
    "several ranks",
    "joined files",
    "left out",
    "method inferred",
]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One metric over time.

    `steps` and `values` have shape (n,). NaN and infinity in `values` were logged as such;
    a step at which nothing was logged is simply absent. `logged_as` is the name in the log.
    """

    metric: str
    values: FloatArray
    steps: IntArray
    logged_as: str = ""

    @classmethod
    def from_values(cls, metric: str, values: Sequence[float] | float) -> Series:
        """Build a series whose steps are 0..n-1; a bare number is a series of one."""
        flat = np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()
        return cls(metric, flat, np.arange(flat.size, dtype=np.int64), metric)

    def __len__(self) -> int:
        return int(self.values.size)


@dataclass(frozen=True, slots=True)
class Naming:
    """How a name in the log was read: its metric, or None with what it could mean.

    `scale` turns logged values into the metric's unit. `chosen` is True when the user said so.
    """

    logged_as: str
    metric: str | None
    reason: str
    candidates: tuple[str, ...] = ()
    scale: float = 1.0
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the log itself that a reader should know: a step that went back, a record
    cut short. `where` is a file, `step` the step at which it happened."""

    kind: FindingKind
    text: str
    where: str = ""
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest value of each metric and its age, for showing a run in one line."""

    values: Mapping[str, float]
    steps: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Config and series under canonical vocabulary names.

    `unknown` holds logged names that the vocabulary does not know, or that it could not
    resolve to one meaning, with their values kept; they have no direction. `settings` holds
    every setting found, under its own dotted name; `config` only what has a name of
    CONFIG_NAMES. `names` tells how each logged name was read, `updated` when the newest file
    was written, in seconds since the epoch.
    """

    config: Mapping[str, Scalar] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    unknown: Mapping[str, Series] = field(default_factory=dict)
    source: str = ""
    format: str = ""
    files: tuple[str, ...] = ()
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    names: tuple[Naming, ...] = ()
    findings: tuple[Finding, ...] = ()
    updated: float | None = None

    def __iter__(self) -> Iterator[Series]:
        return iter(self.series.values())

    def to_dict(self) -> dict[str, object]:
        """Return what was read and how it was named, as plain JSON types, without the values."""
        last = self.snapshot()
        return {
            "source": self.source,
            "format": self.format,
            "files": list(self.files),
            "updated": self.updated,
            "config": dict(self.config),
            "metrics": {
                name: {
                    "logged_as": one.logged_as,
                    "n": len(one),
                    "last": _json(last.values.get(name)),
                    "last_step": last.steps.get(name),
                }
                for name, one in self.series.items()
            },
            "not_used": {one.logged_as: one.reason for one in self.names if one.metric is None},
            "findings": [
                {"kind": one.kind, "text": one.text, "where": one.where, "step": one.step}
                for one in self.findings
            ],
        }

    def snapshot(self) -> Snapshot:
        """Return the last value and step of every series that has one."""
        held = {name: one for name, one in self.series.items() if len(one)}
        return Snapshot(
            {name: float(one.values[-1]) for name, one in held.items()},
            {name: int(one.steps[-1]) for name, one in held.items()},
        )


def _json(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it: NaN and infinity become text."""
    return value if value is None or np.isfinite(value) else str(value)
