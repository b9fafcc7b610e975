"""The shape of one closed form: a value of a loss that follows from the run's config alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from kb.errors import UsageError
from kb.run import FloatArray
from kb.types import Scalar

Quantity = Literal["chance", "collapse", "floor", "start"]
"""`chance`: logged by a model that does not discriminate. `collapse`: by identical or
degenerate outputs. `floor`: the best possible value. `start`: expected of random vectors."""

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)

Compute = Callable[..., FloatArray]
"""Takes one array (or number) per argument, all broadcastable, and returns the loss."""

POWERS: tuple[float, ...] = tuple(float(2**k) for k in range(3, 18))
"""8 to 131072: the batch sizes, queue lengths and prototype counts that people choose."""


@dataclass(frozen=True, slots=True, eq=False)
class ClosedForm:
    """A constant of one loss in one convention, as a function of config values.

    `variant` is empty for the mean over anchors that the paper defines (for moco_v3 and
    barlow: for what the official code logs). `parameters` must be in the config; `defaults`
    holds further config names and the published value used when the config lacks them.
    `methods` are spelled in lower-case letters and digits only. `rarity` (0 common, 2 exotic)
    and `usual` (values that people really use) only rank explanations of a logged number.
    """

    loss: str
    quantity: Quantity
    parameters: tuple[str, ...]
    formula: str
    reading: str
    source: str
    compute: Compute
    variant: str = ""
    methods: tuple[str, ...] = ()
    rarity: int = 0
    defaults: Mapping[str, float] = field(default_factory=dict)
    usual: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return `nt_xent` or `nt_xent.sum2`, as a signature writes it."""
        return f"{self.loss}.{self.variant}" if self.variant else self.loss

    @property
    def arguments(self) -> tuple[str, ...]:
        """Return every config name that enters `compute`, in its order."""
        return (*self.parameters, *self.defaults)

    def value(self, **config: Scalar) -> float:
        """Return the value in the units of the loss (nats unless the formula says bits).

        Names that the form does not use are ignored, so a whole config can be passed.
        Raises UsageError for a missing parameter and ValueError for one that is no positive
        finite number.
        """
        missing = [name for name in self.parameters if name not in config]
        if missing:
            raise UsageError(
                f"{self.quantity}({self.name}) needs {', '.join(missing)}",
                hint=f"it is {self.formula}",
            )
        held = {**self.defaults, **config}
        numbers = [self._positive(name, held[name]) for name in self.arguments]
        return float(self.evaluate(*numbers))

    def evaluate(self, *arguments: FloatArray | float) -> FloatArray:
        """Return `compute` over arrays, with impossible combinations as NaN or infinity."""
        with np.errstate(all="ignore"):
            return self.compute(*(np.asarray(one, dtype=np.float64) for one in arguments))

    def _positive(self, name: str, value: Scalar) -> float:
        number = as_positive(value)
        if number is None:
            raise ValueError(f"{self.name}: {name} must be a positive number, found {value!r}")
        return number


def as_positive(value: Scalar) -> float | None:
    """Return a config value as a positive finite number, or None when it is not one."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def fixed(value: float) -> Compute:
    """Return a computation without arguments that yields `value`."""
    return lambda: np.full((), value)


def log_of(*, shift: float = 0.0, factor: float = 1.0, scale: float = 1.0) -> Compute:
    """Return `scale * ln(factor * count + shift)`, a uniform guess among that many candidates."""
    return lambda count: scale * np.log(factor * count + shift)
