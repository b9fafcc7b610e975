"""Faults that show in the shape of the loss alone."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import ramp
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.methods import NAMES
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States

TERM_LOSSES = ("vicreg", "lejepa")
QUEUES = ("moco", "mocov2")
ONE_CURVE = tuple(name for name in NAMES if name not in TERM_LOSSES)
NO_QUEUE = tuple(name for name in ONE_CURVE if name not in QUEUES)
"""Losses that start where the network does; a queue's begins low and rises first."""

FLOORED = ("simclr", "mocov3", "byol", "simsiam", "barlow", "mae", "clip")


@fault("loss/plateau-early", Wish(NO_QUEUE, shortest=60))
def plateau_early(states: States) -> tuple[str, ...]:
    """The loss leaves its start, stops improving early, and stays far above a usual end."""
    dice = states.dice("fault")
    reached, until = dice.uniform(0.15, 0.6), dice.uniform(0.03, 0.15)
    states.learnt = reached * (1 - np.exp(-4 * states.time / until))
    states.quality = states.learnt**1.2
    states.levels.shape = np.zeros(states.n)
    return ("optim/undertrained", "optim/lr-not-scaled-with-batch", "optim/lr-too-high")


@fault("loss/validation-rises-early", Wish(ONE_CURVE, shortest=60), shows=(("val/loss",),))
def validation_rises(states: States) -> tuple[str, ...]:
    """Validation loss has its minimum early and then rises while the training loss falls on."""
    dice = states.dice("fault")
    best, rise = dice.uniform(0.1, 0.45), dice.uniform(0.08, 0.6)
    at_best = float(np.interp(best, np.sort(states.time), np.sort(states.learnt)))
    missed = np.clip(states.learnt - at_best, 0, None)
    states.gap = states.gap + missed + rise * ramp(states.time, best, 1.2 - best)
    states.quality = states.quality * (1 - 0.3 * missed)
    return ("data/too-small-for-ssl", "augment/too-weak")


@fault("loss/no-gradient-path", Wish(NO_QUEUE))
def no_gradient_path(states: States) -> tuple[str, ...]:
    """Nothing trains: every metric keeps its initial level; the gradient norm is 0 or missing."""
    dice = states.dice("fault")
    zeros = np.zeros(states.n)
    states.learnt, states.quality, states.bump, states.gradient = zeros, zeros, zeros, zeros
    states.levels.shape = zeros
    for name in ("spread", "rank", "agreement", "correlation", "sharpness"):
        setattr(states, name, np.full(states.n, getattr(states, name)[0]))
    if dice.chance(0.5):
        states.must_log.append("grad_norm")
    return ("optim/params-missing-from-optimizer", "optim/gradient-vanishing",
            "contrastive/chance-level-loss", "multimodal/chance-level-loss")  # fmt: skip


@fault(
    "loss/too-low-too-fast", Wish(FLOORED, shortest=60), shows=(("knn_acc", "online_acc", "lr"),)
)
def too_low_too_fast(states: States) -> tuple[str, ...]:
    """The loss is at its floor within a few percent of the run; features are poor."""
    dice = states.dice("fault")
    levels = states.levels
    floor = 0.0 if np.isnan(levels.floor) else levels.floor
    levels.end = floor + dice.uniform(0, 0.03) * (levels.start - floor)
    levels.shape = np.zeros(states.n)
    states.learnt = 1 - np.exp(-states.time / dice.uniform(0.002, 0.012))
    states.quality = states.quality * dice.uniform(0, 0.2)
    return ("augment/too-weak", "data/identical-views-bug")


@fault(
    "monitor/metrics-do-not-move",
    Wish(tuple(name for name in ONE_CURVE if name != "mae"), shortest=60),
    shows=(("z_std", "collapse_level", "neg_sim"), ("rankme_z", "erank_z", "knn_acc")),
)
def metrics_do_not_move(states: States) -> tuple[str, ...]:
    """Spread, ranks and accuracies keep their first value while the loss falls as usual."""
    states.frozen_probes = True
    return ()
