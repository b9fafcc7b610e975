"""Values that overflow or vanish in low precision."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated.faults.curves import ONE_CURVE
from benchmarks.simulated.faults.registry import fault, frozen_from
from benchmarks.simulated.levels import draw_levels
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States


@fault("numerics/nan-hunting")
def nan_hunting(states: States) -> tuple[str, ...]:
    """The loss is NaN from some point on, with nothing in the log that announces it."""
    dice = states.dice("fault")
    states.dead_after = max(3, int(states.n * dice.uniform(0.05, 0.9)))
    return ("numerics/nan-poisons-state", "numerics/sqrt-zero-gradient")


@fault(
    "numerics/fp16-logit-overflow",
    Wish(("simclr", "supcon", "moco", "mocov3", "clip"), fp16=True, step_clock=True, shortest=60),
    shows=(("amp_scale", "grad_norm"),),
    tells=("precision", "temperature"),
)
def fp16_overflow(states: States) -> tuple[str, ...]:
    """Logits overflow in fp16: infinite gradients, a falling loss scale, then NaN."""
    dice = states.dice("fault")
    if "temperature" in states.setting.config:
        states.setting.config["temperature"] = dice.pick((0.01, 0.02, 0.05, 0.07))
        states.levels = draw_levels(states.setting)
    end = max(8, int(states.n * dice.uniform(0.05, 0.7)))
    warning = min(end - 2, dice.whole(3, 20))
    states.gradient = states.gradient.copy()
    states.gradient[end - warning : end : 2] = math.inf
    fall = np.clip(np.arange(states.n) - (end - warning), 0, None)
    states.amp = states.amp * 0.5 ** np.minimum(fall, dice.whole(6, 24))
    states.dead_after = end
    return ("numerics/amp-scale-collapse", "numerics/nan-hunting")


@fault("numerics/amp-scale-collapse", Wish(ONE_CURVE, fp16=True, step_clock=True, shortest=60),
       shows=(("amp_scale",),))  # fmt: skip
def amp_scale_collapse(states: States) -> tuple[str, ...]:
    """The loss scale halves step after step to almost 0; steps are skipped and the loss freezes."""
    dice = states.dice("fault")
    at = int(states.n * dice.uniform(0.1, 0.7))
    # Whatever the cadence, the scale is at its lowest before the log ends.
    pace = max(dice.uniform(0.3, 3), 60 / (states.n - at))
    fall = np.clip((np.arange(states.n) - at) * pace, 0, None)
    states.amp = np.maximum(states.amp * 2.0 ** -np.floor(fall), dice.pick((1.0, 0.01, 1e-5)))
    for name in ("learnt", "quality", "rank", "agreement"):
        setattr(states, name, frozen_from(getattr(states, name), at))
    states.levels.shape = frozen_from(states.levels.shape, at)
    if dice.chance(0.5):
        states.gradient = states.gradient.copy()
        states.gradient[at:] = math.inf
    return ("numerics/fp16-logit-overflow", "loss/plateau-early")
