"""What callbacks measure on embeddings and labelled images, as functions of the states.

Every function returns values of shape (n,). Accuracies are shares.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated import losses
from benchmarks.simulated.noise import Dice
from benchmarks.simulated.states import States
from kb.run import FloatArray

RANK_SAMPLES = 512
"""Images over which a callback computes ranks: no rank exceeds their number."""


def times(states: States, dice: Dice, sd: float) -> FloatArray:
    """Return factors around 1 with this relative spread."""
    return np.exp(sd * dice.random.standard_normal(states.n))


def z_std(states: States, dice: Dice) -> FloatArray:
    """Return the mean standard deviation of the dimensions of unit vectors."""
    return states.spread / math.sqrt(states.setting.number("dim")) * times(states, dice, 0.006)


def collapse_level(states: States, dice: Dice) -> FloatArray:
    """Return max(0, 1 - sqrt(d) z_std)."""
    return np.clip(1 - states.spread * times(states, dice, 0.006), 0, 1)


def raw_std(states: States, dice: Dice) -> FloatArray:
    """Return the mean standard deviation of the dimensions."""
    return losses.raw_std(states) * times(states, dice, 0.006)


def feat_norm(states: States, dice: Dice) -> FloatArray:
    """Return the mean norm of the embeddings."""
    width = math.sqrt(states.setting.number("dim"))
    # A collapsed cloud keeps its common mean, so the norm does not fall with the spread.
    own = losses.raw_std(states) / np.clip(states.spread, 1e-6, 1)
    return own * width * times(states, dice, 0.01)


def neg_sim(states: States, dice: Dice) -> FloatArray:
    """Return the mean cosine of different images: the square of the common mean."""
    noise = 0.004 * dice.random.standard_normal(states.n) * np.clip(states.spread, 0.01, 1)
    return np.clip(1 - states.spread**2 + noise, -1, 1)


def pos_sim(states: States, dice: Dice) -> FloatArray:
    """Return the mean cosine of two views of an image."""
    common = 1 - states.spread**2
    if states.identical:
        return 1 - 1e-7 * np.abs(dice.random.standard_normal(states.n))
    noise = 0.004 * dice.random.standard_normal(states.n) * np.clip(states.spread, 0.01, 1)
    return np.clip(common + (1 - common) * states.agreement + noise, -1, 1)


def align(states: States, dice: Dice) -> FloatArray:
    """Return the mean squared distance of two views on the unit sphere."""
    return np.clip(2 - 2 * pos_sim(states, dice), 0, 4)


def uniform(states: States, dice: Dice) -> FloatArray:
    """Return the log of the mean Gaussian potential between images."""
    best = -4 + 8 / states.setting.number("dim")
    return best * states.spread**2 * times(states, dice, 0.004)


def rank(states: States, dice: Dice) -> FloatArray:
    """Return the effective rank of the centred embeddings."""
    most = min(states.setting.number("dim"), RANK_SAMPLES)
    return np.clip(1 + states.rank * (most - 1), 1, most) * times(states, dice, 0.01)


def rankme(states: States, dice: Dice) -> FloatArray:
    """Return RankMe, uncentred."""
    # Uncentred: a large common mean leaves one singular value.
    alive = np.clip(states.spread / 0.3, 0, 1)
    return 1.05 + alive * (rank(states, dice) - 1.05)


def dead_dims(states: States, dice: Dice) -> FloatArray:
    """Return the share of dead dimensions, a whole number of them."""
    whole = states.setting.number("dim")
    shaken = states.dead * times(states, dice, 0.02)
    return np.clip(np.round(shaken * whole) / whole, 0, 1)


def offdiag_corr(states: States, dice: Dice) -> FloatArray:
    """Return the mean absolute correlation of dimensions, sampling noise included."""
    sampling = 0.8 / math.sqrt(RANK_SAMPLES)
    return times(states, dice, 0.01) * np.sqrt(sampling**2 + states.correlation**2)


def accuracy(states: States, dice: Dice) -> FloatArray:
    """Return an accuracy on a small labelled set, with its binomial noise."""
    shared = states.dice("labels")
    classes = int(
        states.setting.config.setdefault("classes", shared.pick((10, 20, 100, 200, 1000)))
    )
    untrained = min(0.5, shared.uniform(1.5, 4) / classes)
    best = untrained + shared.uniform(0.25, 0.95) * (0.95 - untrained) * (10 / classes) ** 0.1
    expected: FloatArray = untrained + (best - untrained) * np.clip(states.quality, 0, 1)
    seen = np.clip(states.spread / 0.3, 0, 1)
    expected = 1 / classes + (expected - 1 / classes) * seen
    images = int(shared.log_uniform(500, 10_000))
    return sampled(expected, images, dice)


def sampled(expected: FloatArray, images: float, dice: Dice) -> FloatArray:
    """Return shares estimated from this many images."""
    sd = np.sqrt(np.clip(expected * (1 - expected), 0, 1) / images)
    return np.clip(expected + sd * dice.random.standard_normal(expected.size), 0, 1)
