"""Faults of contrastive losses."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import saturating
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.levels import draw_levels
from benchmarks.simulated.setting import Wish, fit_dataset
from benchmarks.simulated.states import States, collapse, onset

ACCURACY = ("knn_acc", "online_acc")


@fault("contrastive/chance-level-loss", Wish(("simclr", "supcon")))
def chance_level(states: States) -> tuple[str, ...]:
    """The loss stays at chance: embeddings coincide, or the network never gets the positives."""
    dice = states.dice("fault")
    states.levels.end = states.levels.start = states.levels.chance * dice.uniform(0.985, 1.002)
    states.quality = states.quality * dice.uniform(0, 0.08)
    states.learnt = np.zeros(states.n)
    if dice.chance(0.5):
        collapse(states, onset(states.time, dice, (0.0, 0.05), (0.0, 0.1)), dice.uniform(0, 0.02))
        return ("collapse/complete", "collapse/constant-output-at-init", "loss/no-gradient-path")
    states.agreement = np.full(states.n, dice.uniform(0, 0.2))
    return ("loss/no-gradient-path", "contrastive/wrong-positive-index", "collapse/complete")


@fault("contrastive/queue-chance-level", Wish(("moco", "mocov2")))
def queue_chance_level(states: States) -> tuple[str, ...]:
    """Once the queue is full the loss stays at ln(K + 1); keys say nothing about queries."""
    dice = states.dice("fault")
    states.levels.start = states.levels.end = states.levels.chance * dice.uniform(0.998, 1.001)
    states.quality = states.quality * dice.uniform(0, 0.1)
    states.learnt = np.zeros(states.n)
    if dice.chance(0.6):
        collapse(states, onset(states.time, dice, (0.0, 0.05), (0.0, 0.05)), dice.uniform(0, 0.03))
    return ("collapse/complete", "contrastive/chance-level-loss", "contrastive/queue-stale-keys")


@fault(
    "contrastive/temperature-too-high", Wish(("simclr", "mocov2", "mocov3")), says=("temperature",)
)
def temperature_too_high(states: States) -> tuple[str, ...]:
    """At temperature 1 to 100 the loss has little room below chance; spread stays healthy."""
    dice = states.dice("fault")
    # MoCo v3's own recipe for convolutional networks has temperature 1.
    lowest = 2.5 if states.setting.method == "mocov3" else 1.0
    temperature = dice.log_uniform(lowest, 100)
    states.setting.config["temperature"] = float(f"{temperature:.2g}")
    states.levels = draw_levels(states.setting)
    levels = states.levels
    # Cosines span 2 at most, so no loss can leave chance by more than 2 / temperature.
    levels.start = levels.chance
    scale = levels.chance / np.log(2 * states.setting.loss_batch)
    room = scale * dice.uniform(0.3, 0.9) * min(1.0, 1 / temperature)
    levels.end = levels.chance - (room if states.setting.method == "simclr" else room * 0.8)
    if states.setting.recipe.family == "queue":
        states.noise = states.noise * min(1.0, 0.3 / temperature)
    states.quality = states.quality * dice.uniform(0.3, 0.8)
    return ("contrastive/chance-level-loss", "loss/floor-set-by-temperature", "loss/plateau-early")


@fault("contrastive/batch-too-small", Wish(("simclr", "supcon", "mocov3", "clip")),
       shows=(ACCURACY,), says=("batch_size",))  # fmt: skip
def batch_too_small(states: States) -> tuple[str, ...]:
    """With 2 to 16 images a batch the loss is soon near its floor and features stay poor."""
    dice = states.dice("fault")
    states.setting.config |= {"batch_size": dice.pick((2, 4, 8, 16)), "world_size": 1}
    fit_dataset(states.setting)
    states.levels = draw_levels(states.setting)
    levels = states.levels
    levels.end = levels.floor + (levels.end - levels.floor) * dice.uniform(0.1, 0.5)
    states.learnt = saturating(states.time, dice.uniform(8, 20), 0.6)
    states.quality = states.quality * dice.uniform(0.05, 0.35)
    return ("loss/too-low-too-fast", "contrastive/negatives-too-easy", "eval/loss-not-predictive")
