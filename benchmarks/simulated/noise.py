"""Random numbers of a run: every quantity has a stream of its own, named by a tag.

A quantity keeps its draws whatever else is drawn, so that a faulty run and its healthy twin
share all noise that the fault does not touch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np

from kb.run import FloatArray

Key = tuple[int, ...]
"""What a run's numbers are a function of."""

_Item = TypeVar("_Item")


class Dice:
    """Scalar draws from one stream."""

    def __init__(self, key: Key, tag: str) -> None:
        self.random = np.random.default_rng([*key, crc32(tag.encode())])

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return float(self.random.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        """Return a number whose logarithm is uniform."""
        return math.exp(self.random.uniform(math.log(low), math.log(high)))

    def whole(self, low: int, high: int) -> int:
        """Return an integer from `low` to `high`, both included."""
        return int(self.random.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return bool(self.random.random() < probability)

    def pick(self, items: Sequence[_Item], weights: Sequence[float] | None = None) -> _Item:
        """Return one of the items, equally likely or by `weights` (which sum to 1)."""
        return items[int(self.random.choice(len(items), p=weights))]


def correlated(random: np.random.Generator, count: int, share: float, length: int) -> FloatArray:
    """Return (count,) of unit variance: white noise, and a `share` of it averaged over `length`."""
    white = random.standard_normal(count)
    if share <= 0 or length < 2 or count <= length:
        return white
    sums = np.cumsum(random.standard_normal(count + length))
    smooth = (sums[length:] - sums[:-length]) / math.sqrt(length)
    return math.sqrt(1 - share) * white + math.sqrt(share) * smooth
