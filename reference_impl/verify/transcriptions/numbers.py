"""Small pieces that several formulas share."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def unit(row: Array) -> Array:
    """Return a vector (dim,) divided by its length; a zero vector stays zero."""
    length = float(np.sqrt((row * row).sum()))
    return row / length if length > 0 else row


def log_sum_exp(terms: Iterable[float]) -> float:
    """Return ln of the sum of exp(term), shifted by the largest so that nothing overflows."""
    held = list(terms)
    largest = max(held)
    return largest + log(sum(exp(term - largest) for term in held))


def softmax(logits: Array) -> Array:
    """Return exp(logit) over their sum, (classes,)."""
    weights: Array = np.exp(logits - logits.max())
    return np.asarray(weights / weights.sum())


def cross_entropy(target: Array, logits: Array) -> float:
    """Return -sum over k of target_k ln softmax(logits)_k, for one sample; (classes,) each."""
    normaliser = log_sum_exp(logits)
    return float(-sum(p * (x - normaliser) for p, x in zip(target, logits, strict=True)))
