"""Simulated runs by seed: healthy ones, faulty ones, and the healthy twin of a faulty one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from benchmarks.simulated.faults import FAULTS, Fault
from benchmarks.simulated.noise import Key
from benchmarks.simulated.selection import logged
from benchmarks.simulated.setting import Wish, draw_setting
from benchmarks.simulated.states import draw_states
from kb.errors import UsageError, nearest
from kb.run import Run
from kb.types import Scalar


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """One simulated run.

    `truth` is the entry of its fault, None for a healthy run; `also` are entries that fit as
    well, less exactly. `parameters` is the true config, whether or not the run logs it, with
    the clock ("epoch" or "step") and whether the run was resumed.
    """

    name: str
    run: Run
    truth: str | None
    also: tuple[str, ...]
    notes: str
    parameters: dict[str, Scalar]


def healthy(count: int, seed: int) -> Iterator[Simulated]:
    """Yield `count` healthy runs; each is a function of the seed and its number."""
    for number in range(count):
        yield _make((seed, 0, number), f"healthy-{number:04d}", None)


def faulty(entry: str, count: int, seed: int) -> Iterator[Simulated]:
    """Yield `count` runs with the fault of a catalogue entry; UsageError if it has none here."""
    fault = _fault(entry)
    for number in range(count):
        yield _make(_key(entry, seed, number), f"{_slug(entry)}-{number:04d}", fault)


def twin(entry: str, number: int, seed: int) -> Simulated:
    """Return the run of `faulty` with this number as it would be without its fault.

    It logs what the faulty run would log unless the fault itself asks for more.
    """
    fault = _fault(entry)
    name = f"{_slug(entry)}-{number:04d}-twin"
    return _make(_key(entry, seed, number), name, fault, injected=False)


def _fault(entry: str) -> Fault:
    if entry not in FAULTS:
        raise UsageError(f'no simulated fault "{entry}"{nearest(entry, tuple(FAULTS))}')
    return FAULTS[entry]


def _key(entry: str, seed: int, number: int) -> Key:
    return (seed, crc32(entry.encode()), number)


def _slug(entry: str) -> str:
    return entry.replace("/", "--")


def _make(key: Key, name: str, fault: Fault | None, *, injected: bool = True) -> Simulated:
    setting = draw_setting(key, fault.wish if fault else Wish())
    states = draw_states(setting)
    also = fault.apply(states) if fault is not None and injected else ()
    with np.errstate(over="ignore", invalid="ignore"):
        run = logged(states, fault)
    parameters = {
        **setting.config,
        "clock": "epoch" if setting.per_epoch else "step",
        "resumed": setting.resumed is not None,
    }
    if fault is None or not injected:
        return Simulated(name, run, None, (), f"healthy {setting.method} run", parameters)
    return Simulated(name, run, fault.entry, also, fault.happens, parameters)
