"""Shapes over time: schedules, learning curves, ramps. Time runs from 0 to 1, shape (n,)."""

from __future__ import annotations

import math

import numpy as np

from kb.run import FloatArray


def ramp(time: FloatArray, at: float, width: float) -> FloatArray:
    """Return 0 before `at`, 1 after `at + width`, and a smooth rise between."""
    x = np.clip((time - at) / max(width, 1e-9), 0, 1)
    return x * x * (3 - 2 * x)


def settle(time: FloatArray, at: float, width: float) -> FloatArray:
    """Return 0 before `at`, then a jump to 1 that decays with time constant `width`."""
    after = np.clip(time - at, 0, None)
    return np.where(time >= at, np.exp(-after / max(width, 1e-9)), 0.0)


def towards(values: FloatArray, target: FloatArray | float, weight: FloatArray) -> FloatArray:
    """Return `values` where `weight` is 0, `target` where it is 1."""
    return values * (1 - weight) + target * weight


def saturating(time: FloatArray, rate: float, exponent: float) -> FloatArray:
    """Return a learning curve from 0 to 1: fast at first, for exponents below 1 very fast."""
    return (1 - np.exp(-rate * time**exponent)) / (1 - math.exp(-rate))


def paused(time: FloatArray, at: float, length: float) -> FloatArray:
    """Return time that stands still from `at` for `length` and still ends at 1."""
    moving = np.minimum(time, at) + np.clip(time - at - length, 0, None)
    return moving / (1 - length)


def cosine(time: FloatArray, start: float, end: float) -> FloatArray:
    """Return a half cosine from `start` to `end`; constant after time 1."""
    return end + (start - end) * 0.5 * (1 + np.cos(math.pi * np.clip(time, 0, 1)))


def warmed_up(time: FloatArray, warmup: float, after: FloatArray) -> FloatArray:
    """Return `after` with a linear warm-up from near 0 over the first `warmup` of the run."""
    if warmup <= 0:
        return after
    return after * np.clip((time + 1e-3) / warmup, 0, 1)


def sawtooth(epoch: FloatArray) -> FloatArray:
    """Return +1/2 at the start of each epoch falling to -1/2 at its end."""
    return 0.5 - (epoch % 1.0)
