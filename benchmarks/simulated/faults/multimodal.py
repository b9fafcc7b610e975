"""Faults of image-text contrast."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import ramp
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States

START = 14.2857
"""CLIP's initial logit scale, 1/0.07."""


@fault("multimodal/chance-level-loss", Wish(("clip",)))
def chance_level(states: States) -> tuple[str, ...]:
    """The loss stays at ln B and the logit scale hardly moves, or sinks."""
    dice = states.dice("fault")
    states.levels.start = states.levels.end = states.levels.chance * dice.uniform(0.997, 1.004)
    states.quality = states.quality * dice.uniform(0, 0.05)
    states.learnt = np.zeros(states.n)
    states.noise = states.noise * dice.uniform(0.1, 1)
    end = START * (dice.uniform(0.97, 1.03) if dice.chance(0.5) else dice.uniform(0.3, 0.9))
    states.logit_scale = START * (end / START) ** states.time
    states.agreement = np.full(states.n, dice.uniform(0, 0.1))
    return ("contrastive/chance-level-loss", "loss/no-gradient-path", "collapse/complete")


@fault("multimodal/logit-scale-runaway", Wish(("clip",), shortest=60), shows=(("logit_scale",),))
def logit_scale_runaway(states: States) -> tuple[str, ...]:
    """The scale grows far beyond 100, or is capped at once while the loss rises, or sinks."""
    dice = states.dice("fault")
    kind = dice.pick(("unbounded", "capped", "shrinks"))
    states.quality = states.quality * dice.uniform(0.1, 0.6)
    if kind == "unbounded":
        states.logit_scale = START * (dice.log_uniform(300, 2e4) / START) ** states.time
        states.bump = states.bump + dice.uniform(0.2, 1.5) * ramp(states.time, 0.3, 0.7)
        states.noise = states.noise * dice.uniform(1, 4)
        return ("numerics/fp16-logit-overflow", "optim/lr-too-high")
    if kind == "capped":
        soon = np.clip(states.time / dice.uniform(0.02, 0.1), 0, 1)
        states.logit_scale = START * (100 / START) ** soon
        states.bump = states.bump + dice.uniform(0.4, 0.9) * ramp(states.time, 0.02, 0.5)
        return ("optim/lr-too-high",)
    states.logit_scale = START * (dice.uniform(0.5, 3) / START) ** np.sqrt(
        np.clip(states.time, 0, 1)
    )
    states.levels.end = states.levels.chance * dice.uniform(0.9, 0.99)
    return ("multimodal/chance-level-loss", "contrastive/temperature-too-high")
