"""What each closed form would be worth under the parameters that a run could have.

A known parameter is taken as it is, an unknown one from round values that people choose.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, as_positive
from kb.run import FloatArray
from kb.types import Scalar

_COUNTS = (*POWERS, 48.0, 96.0, 192.0)
_ROUND_VALUES: Mapping[str, tuple[float, ...]] = {
    "batch_size": _COUNTS,
    "queue_size": (*_COUNTS, 300.0, 1000.0, 3000.0),
    "prototypes": (*_COUNTS, 300.0, 1000.0, 3000.0),
    "temperature": (0.05, 0.07, 0.1, 0.2, 0.5, 1.0),
    "dim": tuple(p for p in POWERS if 64 <= p <= 8192),
}
"""Values tried for a parameter that is not known; `classes` only as a form lists them."""

_WORLD_SIZES = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Numbers of processes tried when the config has a batch size but no world size."""

_BATCH_NAMES = ("global_batch_size", "world_size", "accum_steps")

Known = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One value of one parameter: whether it is known, how far-fetched, and what it implies."""

    value: float
    known: bool
    cost: int = 0
    extras: Known = ()


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Every candidate of one form: `values` ascending, shape (n,), and the options behind each.

    `known` are the values, ascending, of the candidates that need no guess.
    """

    values: FloatArray
    rows: tuple[tuple[Option, ...], ...]
    known: FloatArray

    def near(self, value: float, tolerance: float) -> range:
        """Return the rows whose value lies within `tolerance`."""
        low = np.searchsorted(self.values, value - tolerance, "left")
        high = np.searchsorted(self.values, value + tolerance, "right")
        return range(int(low), int(high))


def coverage(values: FloatArray, tolerance: float, low: float, high: float) -> float:
    """Return the share of [low, high] within `tolerance` of one of the ascending `values`."""
    inside = values[(values >= low) & (values <= high)]
    if not inside.size:
        return 0.0
    covered = np.minimum(np.diff(inside), 2 * tolerance).sum() + 2 * tolerance
    return min(1.0, float(covered) / (high - low))


def table(form: ClosedForm, known: Mapping[str, float]) -> Table:
    """Return the candidates of `form`; cached by the known numbers that concern it."""
    names = form.arguments
    if "batch_size" in names:
        names += _BATCH_NAMES
    return _table(form, tuple((n, known[n]) for n in names if n in known))


def numbers(known: Mapping[str, Scalar]) -> dict[str, float]:
    """Return the entries that are positive finite numbers, as floats."""
    found = {name: as_positive(value) for name, value in known.items()}
    return {name: value for name, value in found.items() if value is not None}


@lru_cache(maxsize=2048)
def _table(form: ClosedForm, numbers_known: Known) -> Table:
    axes = [_axis(form, name, dict(numbers_known)) for name in form.arguments]
    rows = list(itertools.product(*axes))
    if not rows:
        return Table(np.empty(0), (), np.empty(0))
    columns = np.array([[one.value for one in row] for row in rows], dtype=np.float64)
    values = np.broadcast_to(form.evaluate(*columns.T), (len(rows),))
    order = [int(i) for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
    known = [i for i in order if all(option.known for option in rows[i])]
    return Table(values[order], tuple(rows[i] for i in order), values[known])


def _axis(form: ClosedForm, name: str, known: Mapping[str, float]) -> list[Option]:
    if name == "batch_size" and ("batch_size" in known or "global_batch_size" in known):
        return _batches(known)
    if name in known:
        return [Option(known[name], True)]
    if name in form.defaults and name not in form.usual:
        return [Option(form.defaults[name], False)]
    usual = form.usual.get(name, ())
    values = sorted({*usual, *_ROUND_VALUES.get(name, ())})
    return [Option(one, False, int(bool(usual) and one not in usual)) for one in values]


def _batches(known: Mapping[str, float]) -> list[Option]:
    """Return the batches that may have entered the loss together, likeliest first.

    A config's batch size may count one process or all; the loss may or may not gather.
    """
    batch, whole = known.get("batch_size"), known.get("global_batch_size")
    world, steps = known.get("world_size"), known.get("accum_steps", 1.0)
    found: dict[float, Option] = {}

    def offer(value: float, sure: bool, cost: int, *extras: tuple[str, float]) -> None:
        if value >= 1 and value.is_integer():
            found.setdefault(value, Option(value, sure, cost, extras))

    sizes = [(size, False) for size in _WORLD_SIZES] if world is None else [(world, True)]
    if batch is not None:
        offer(batch, True, 0, *((("world_size", world), ("gathered", 0.0)) if world else ()))
        offer(batch / steps, True, 1, ("accum_steps", steps))
    if whole is not None:
        offer(whole, True, 0, ("global_batch_size", whole), ("gathered", 1.0))
        offer(whole / steps, True, 0, ("accum_steps", steps), ("gathered", 1.0))
    for size, sure in sizes:
        extra, cost = ("world_size", size), 0 if sure else 2
        if batch is not None:
            offer(batch * size, sure, cost, extra, ("gathered", 1.0))
            offer(batch / size, sure, cost + 1, extra, ("gathered", 0.0))
        if whole is not None:
            offer(whole / steps / size, sure, cost, extra, ("gathered", 0.0))
    return list(found.values())
