"""What a fault is, and the decorator by which the modules beside this one register theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States
from kb.run import FloatArray

Apply = Callable[[States], tuple[str, ...]]
"""Changes a healthy training into a faulty one and returns other entries that then fit too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Of each group in `shows` at least one metric is logged; `tells` are config keys
    known in 70% of the runs, `says` in all of them."""

    entry: str
    apply: Apply
    wish: Wish
    shows: tuple[tuple[str, ...], ...]
    tells: tuple[str, ...]
    says: tuple[str, ...]

    @property
    def happens(self) -> str:
        """Return what happens, as the docstring of `apply` says it."""
        return " ".join((self.apply.__doc__ or "").split())


FAULTS: dict[str, Fault] = {}


def fault(
    entry: str,
    wish: Wish | None = None,
    *,
    shows: tuple[tuple[str, ...], ...] = (),
    tells: tuple[str, ...] = (),
    says: tuple[str, ...] = (),
) -> Callable[[Apply], Apply]:
    """Register a function as the fault that a catalogue entry describes."""

    def register(apply: Apply) -> Apply:
        FAULTS[entry] = Fault(entry, apply, wish or Wish(), shows, tells, says)
        return apply

    return register


def frozen_from(values: FloatArray, index: int) -> FloatArray:
    """Return `values` (n,) that keep the value of `index` from there on."""
    held = values.copy()
    held[index:] = values[index]
    return held


def position(states: States) -> FloatArray:
    """Return 0 to 1 over the points in log order, which a resume does not turn back."""
    return np.linspace(0, 1, states.n)
