"""What goes wrong when a run is resumed. The log repeats some steps in all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.simulated.curves import cosine, settle
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.methods import TEACHERS
from benchmarks.simulated.setting import Wish, schedule
from benchmarks.simulated.states import States
from kb.run import FloatArray


def _since(states: States) -> FloatArray:
    """Return the share of the run since the resume, negative before it, in log order."""
    assert states.setting.resumed is not None
    return (np.arange(states.n) - states.setting.resumed) / states.n


@fault("ckpt/schedule-restarts-on-resume", Wish(resumed=True, shortest=100), shows=(("lr",),))
def schedule_restarts(states: States) -> tuple[str, ...]:
    """After a resume warm-up and cosine start again, the momentum falls back, the loss bumps up."""
    dice, setting, since = states.dice("fault"), states.setting, _since(states)
    setting.drops, setting.warmup = (), dice.uniform(0.02, 0.08)
    again = since >= 0
    first = schedule(setting, "cosine")
    second = schedule(replace(setting, time=np.clip(since, 0, 1)), "cosine")
    setting.lr = np.where(again, second, first)
    if setting.recipe.teacher:
        base = float(states.momentum[0])
        states.momentum = np.where(
            again, cosine(np.clip(since, 0, 1), base, 1.0), cosine(states.time, base, 1.0)
        )
    bump = dice.uniform(0.03, 0.35) * settle(since, setting.warmup, dice.uniform(0.05, 0.2))
    states.bump = states.bump + np.where(again, bump, 0.0)
    return ("ckpt/auxiliary-state-missing", "optim/schedule-length-wrong")


@fault("ckpt/auxiliary-state-missing",
       Wish((*TEACHERS, "swav", "simclr", "mae"), resumed=True, shortest=100))  # fmt: skip
def auxiliary_state_missing(states: States) -> tuple[str, ...]:
    """Steps repeat after a resume; the loss jumps by 15 to 90% of its range and recovers."""
    dice, since = states.dice("fault"), _since(states)
    jump = settle(since, 0.0, dice.uniform(0.01, 0.1))
    states.bump = states.bump + dice.uniform(0.15, 0.9) * jump
    states.gradient = states.gradient * (1 + dice.uniform(0.5, 6) * jump)
    states.quality = states.quality * (1 - dice.uniform(0.05, 0.4) * jump)
    return ("ckpt/schedule-restarts-on-resume", "ckpt/stale-module-reference-on-resume")
