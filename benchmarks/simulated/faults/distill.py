"""Faults of teachers, predictors and centring."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import towards
from benchmarks.simulated.faults.collapse import SPREAD
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.noise import correlated
from benchmarks.simulated.setting import Wish, fit_dataset
from benchmarks.simulated.states import States, collapse, onset

DINO = ("dino", "ibot")


@fault("distill/no-stop-gradient", Wish(("simsiam", "byol")),
       shows=((*SPREAD, "knn_acc", "online_acc"),), tells=("stop_gradient",))  # fmt: skip
def no_stop_gradient(states: States) -> tuple[str, ...]:
    """Both branches move to a constant early: loss to its collapse value, spread to 0."""
    dice = states.dice("fault")
    states.setting.config["stop_gradient"] = 0
    collapse(
        states, onset(states.time, dice, (0.0, 0.05), (0.01, 0.2)), dice.log_uniform(1e-5, 0.03)
    )
    return ("collapse/complete", "distill/no-predictor")


@fault("distill/no-predictor", Wish(("simsiam", "byol")),
       shows=((*SPREAD, "knn_acc", "online_acc"),))  # fmt: skip
def no_predictor(states: States) -> tuple[str, ...]:
    """Without the predictor the branches are symmetric and collapse early."""
    dice = states.dice("fault")
    states.setting.config.pop("hidden_dim", None)
    collapse(
        states, onset(states.time, dice, (0.0, 0.08), (0.01, 0.25)), dice.log_uniform(1e-4, 0.05)
    )
    return ("collapse/complete", "distill/no-stop-gradient")


@fault(
    "distill/teacher-temperature-too-high", Wish(DINO), says=("teacher_temperature", "prototypes")
)
def teacher_too_warm(states: States) -> tuple[str, ...]:
    """The teacher is uniform: its entropy and the loss stay at ln K."""
    dice = states.dice("fault")
    states.setting.config["teacher_temperature"] = dice.pick((0.07, 0.08, 0.1, 0.15, 0.2))
    weight = onset(states.time, dice, (0.0, 0.05), (0.0, 0.08))
    states.sharpness = towards(states.sharpness, dice.log_uniform(1e-5, 0.002), weight)
    states.learnt = states.learnt * dice.uniform(0, 0.2)
    states.levels.shape = np.zeros(states.n)
    states.noise = states.noise * dice.log_uniform(0.002, 0.2)
    states.quality = states.quality * dice.uniform(0, 0.2)
    if dice.chance(0.6):
        states.spread = towards(states.spread, dice.uniform(0.01, 0.3), weight)
    return ("cluster/uniform-assignment", "collapse/complete")


@fault("distill/centering-missing", Wish(DINO))
def centering_missing(states: States) -> tuple[str, ...]:
    """One output wins: teacher entropy and loss go to 0, embeddings with them."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.1), (0.02, 0.25))
    collapse(states, weight, dice.uniform(0.01, 0.2))
    states.sharpness = towards(states.sharpness, 1 - dice.log_uniform(1e-4, 0.02), weight)
    return ("collapse/complete", "cluster/single-cluster")


@fault("distill/ema-momentum-too-high", Wish(("byol", "mocov3", "dino", "ijepa", "data2vec")),
       shows=(("ema_m", "ema_dist"), ("ema_dist", "knn_acc", "online_acc")),
       tells=("ema_momentum",))  # fmt: skip
def momentum_too_high(states: States) -> tuple[str, ...]:
    """The teacher stays random: it drifts away from the student and features stay untrained."""
    dice = states.dice("fault")
    momentum = dice.pick((1.0, 1.0, 0.99999, 0.999999))
    states.setting.config["ema_momentum"] = momentum
    states.momentum = np.full(states.n, momentum)
    states.lag = dice.uniform(0.4, 1.4) * np.sqrt(np.clip(states.time, 0, 1)) + 1e-4
    states.learnt = states.learnt * dice.uniform(0.5, 0.95)
    states.quality = states.quality * dice.uniform(0, 0.15)
    states.levels.shape = np.zeros(states.n)
    return ("distill/ema-update-misplaced",)


@fault("distill/ema-momentum-too-low", Wish(("byol", "mocov3", "dino", "ijepa")),
       shows=(("ema_m", *SPREAD),), says=("ema_momentum",))  # fmt: skip
def momentum_too_low(states: States) -> tuple[str, ...]:
    """The target follows the student: a noisy loss, little spread, poor features."""
    dice = states.dice("fault")
    momentum = dice.pick((0.0, 0.1, 0.5, 0.8, 0.9))
    states.setting.config["ema_momentum"] = momentum
    states.momentum = np.full(states.n, momentum)
    states.lag = states.lag * 0.02
    weight = onset(states.time, dice, (0.0, 0.2), (0.05, 0.3))
    wander = correlated(dice.random, states.n, 0.9, max(4, states.n // 30))
    level = dice.uniform(0.1, 0.5) * np.exp(0.2 * wander)
    states.spread = towards(states.spread, np.clip(level, 0.02, 0.9), weight)
    states.noise = states.noise * dice.uniform(3, 8)
    states.quality = states.quality * dice.uniform(0.1, 0.5)
    return (
        "collapse/complete",
        "distill/teacher-is-student",
        "distill/small-batch-or-capacity-collapse",
    )


@fault("distill/small-batch-or-capacity-collapse", Wish(("simsiam", "byol", "dino")),
       shows=(SPREAD,), tells=("batch_size",))  # fmt: skip
def small_batch(states: States) -> tuple[str, ...]:
    """At batch 4 to 32 the spread settles far below 1 without reaching 0."""
    dice = states.dice("fault")
    states.setting.config |= {"batch_size": dice.pick((4, 8, 16, 32)), "world_size": 1}
    fit_dataset(states.setting)
    weight = onset(states.time, dice, (0.0, 0.3), (0.1, 0.5))
    states.spread = towards(states.spread, dice.uniform(0.1, 0.5), weight)
    states.rank = states.rank * (1 - 0.7 * weight)
    states.quality = states.quality * (1 - weight * dice.uniform(0.4, 0.8))
    return ("collapse/complete", "collapse/dimensional", "norm/bn-small-batch")
