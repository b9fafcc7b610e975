"""One run as it is asked for, read from `healthy.yaml` and `faulty.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
KINDS = ("healthy", "faulty")


@dataclass(frozen=True)
class Spec:
    """A run: what is trained, what is logged under which name, and what is wrong with it.

    `log` and `config` are words `ours=theirs`, or just `ours`. In `log`, `@` marks what is
    logged once an epoch and `%` what is logged in percent. `every` is the number of steps
    between two records, 0 for none. `rest` of the logger's own options goes in `logger_set`.
    `resume` is the step of the checkpoint, `lost` how many steps after it the run had died.
    """

    name: str
    kind: str
    what: str
    method: str
    logger: str
    log: str
    config: str = "method batch_size lr epochs"
    seed: int = 0
    data: str = "mnist"
    images: int = 0
    augment: str = "standard"
    encoder: str = "conv"
    batch_size: int = 128
    steps: int = 370
    optimizer: str = "sgd"
    lr: float = 0.1
    schedule: str = "cosine"
    warmup: int = 0
    weight_decay: float = 1e-4
    grad_clip: float = 0.0
    accum: int = 1
    precision: str = "32"
    set: Mapping[str, Any] = field(default_factory=dict)
    every: int = 5
    logger_set: Mapping[str, Any] = field(default_factory=dict)
    resume: int = 0
    lost: int = 0
    faults: tuple[str, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)


def read_specs(kind: str) -> list[Spec]:
    """Return the runs of `healthy.yaml` or `faulty.yaml`; ValueError at an unknown field."""
    entries = yaml.safe_load((HERE / f"{kind}.yaml").read_text(encoding="utf-8"))
    known = {one.name for one in fields(Spec)}
    specs = []
    for name, entry in (entries or {}).items():
        if unknown := set(entry) - known:
            raise ValueError(f"{kind}.yaml, {name}: unknown field {sorted(unknown)}")
        faults = tuple(entry.pop("faults", ()))
        specs.append(Spec(name=name, kind=kind, faults=faults, **entry))
    return specs


@dataclass(frozen=True)
class Naming:
    """One word of `log`: our name, theirs, whether it is logged by epoch, and the factor."""

    ours: str
    theirs: str
    by_epoch: bool
    factor: float


def namings(words: str) -> list[Naming]:
    """Read the words of `log`."""
    found = []
    for word in words.split():
        ours, _, theirs = word.partition("=")
        by_epoch, ours = ours.startswith("@"), ours.removeprefix("@")
        factor, ours = (100.0 if ours.endswith("%") else 1.0), ours.removesuffix("%")
        found.append(Naming(ours, theirs or ours, by_epoch, factor))
    return found


def renamed(row: Mapping[str, float], words: str, *, by_epoch: bool) -> dict[str, float]:
    """Return what is logged of `row` under the names it is logged by."""
    return {
        one.theirs: row[one.ours] * one.factor
        for one in namings(words)
        if one.by_epoch == by_epoch and one.ours in row
    }
