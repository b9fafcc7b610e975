"""Views that are too much alike."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States

ALIKE = ("simclr", "mocov3", "byol", "simsiam", "barlow", "vicreg")


def _easy(states: States, gap: float, pace: float) -> None:
    """Let the loss fall to its floor plus `gap` of its range with time constant `pace`."""
    levels = states.levels
    levels.end = levels.floor + gap * (levels.start - levels.floor)
    levels.shape = np.zeros(states.n)
    states.learnt = 1 - np.exp(-states.time / pace)


@fault("augment/too-weak", Wish(ALIKE, shortest=60),
       shows=(("knn_acc", "online_acc"), ("pos_sim", "align", "term/inv", "knn_acc")))  # fmt: skip
def too_weak(states: States) -> tuple[str, ...]:
    """Views agree almost fully, the loss is soon near its floor, features learn little."""
    dice = states.dice("fault")
    _easy(states, dice.uniform(0.005, 0.06), dice.uniform(0.005, 0.03))
    start = float(states.agreement[0])
    states.agreement = start + (dice.uniform(0.985, 0.999) - start) * states.learnt
    states.quality = states.quality * dice.uniform(0.05, 0.25)
    return ("data/identical-views-bug", "loss/too-low-too-fast")


@fault(
    "data/identical-views-bug", Wish(ALIKE, shortest=60), shows=(("pos_sim", "align", "term/inv"),)
)
def identical_views(states: States) -> tuple[str, ...]:
    """Both views are one tensor: they agree exactly, invariance is 0, the loss is at its floor."""
    dice = states.dice("fault")
    _easy(states, dice.uniform(0.0, 0.02), dice.uniform(0.003, 0.03))
    states.agreement = np.ones(states.n)
    states.identical = True
    states.quality = states.quality * dice.uniform(0, 0.2)
    return ("augment/too-weak", "loss/too-low-too-fast")
