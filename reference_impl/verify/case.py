"""One loss in one convention, with everything that it must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_impl.shapes import Tensor

Generator = np.random.Generator
Arrays = Mapping[str, npt.NDArray[Any]]
"""Inputs of a loss by name: float64 numbers, int64 labels."""

Tensors = Mapping[str, Tensor]
Draw = Callable[[Generator], Arrays]


@dataclass(frozen=True)
class Known:
    """Inputs for which the value follows on paper: chance, collapse, floor, start.

    `tolerance` is relative to max(1, |expected|); it is wide only where the value is an
    expectation over random inputs. `still` says that no input may receive a gradient there.
    """

    name: str
    inputs: Draw
    expected: float
    tolerance: float = 1e-6
    still: bool = False


@dataclass(frozen=True)
class Relation:
    """A change of the inputs that leaves the loss the same, or must not."""

    name: str
    change: Callable[[Arrays, Generator], Arrays]
    same: bool = True


@dataclass(frozen=True)
class Peer:
    """Another library's loss on the same tensors; `value` imports it and runs in their dtype."""

    name: str
    value: Callable[[Tensors], Tensor]


@dataclass(frozen=True)
class Case:
    """A loss with its transcription.

    `draws` give random inputs of several shapes, among them fewer samples than dimensions.
    `ours` maps tensors to a scalar; `truth` maps arrays to the paper's value. `moving` inputs
    take gradients, `stopped` must take none. Where a moving input also enters through a stopped
    path, `held` is the truth as a function of moved and original inputs.
    `half_scale` is a factor that inputs of 16 bits must survive without overflow: large for
    losses of unit vectors, 1 for losses of raw numbers.
    """

    method: str
    name: str
    source: str
    draws: tuple[Draw, ...]
    ours: Callable[[Tensors], Tensor]
    truth: Callable[[Arrays], float]
    moving: tuple[str, ...]
    stopped: tuple[str, ...] = ()
    held: Callable[[Arrays, Arrays], float] | None = None
    known: tuple[Known, ...] = ()
    relations: tuple[Relation, ...] = ()
    peer: Peer | None = None
    half_scale: float = 1.0
    half_tolerance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One comparison. `error` is |found - expected| / max(1, |expected|)."""

    method: str
    loss: str
    kind: str
    detail: str
    found: float
    expected: float
    error: float
    tolerance: float
    passed: bool
    note: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return dict(vars(self))


def compared(
    case: Case, kind: str, detail: str, found: float, expected: float, tolerance: float
) -> Check:
    """Return the check of |found - expected| <= tolerance max(1, |expected|); NaN fails."""
    gap = abs(found - expected)
    error = gap / max(1.0, abs(expected))
    passed = bool(np.isfinite(found) and error <= tolerance)
    return Check(case.method, case.name, kind, detail, found, expected, error, tolerance, passed)


def crashed(case: Case, kind: str, detail: str, error: Exception) -> Check:
    """Return a failed check for a loss that raised."""
    nan = float("nan")
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return Check(case.method, case.name, kind, detail, nan, nan, nan, 0.0, False, text)
