"""Faults of the schedule's length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.simulated.curves import settle
from benchmarks.simulated.faults.registry import fault, frozen_from
from benchmarks.simulated.setting import Wish, schedule
from benchmarks.simulated.states import States


@fault("optim/schedule-length-wrong", Wish(shortest=60), shows=(("lr",),))
def schedule_length(states: States) -> tuple[str, ...]:
    """The rate is 0 long before the end, or hardly decays, or repeats its cosine."""
    dice, setting = states.dice("fault"), states.setting
    setting.warmup, setting.drops = min(setting.warmup, 0.05), ()
    kind = dice.pick(("ends early", "never ends", "cycles"), (0.5, 0.25, 0.25))
    if kind == "ends early":
        stop = dice.uniform(0.15, 0.6)
        setting.lr = schedule(replace(setting, time=np.clip(setting.time / stop, 0, 1)), "cosine")
        index = int(np.argmax(setting.time >= stop))
        states.learnt = frozen_from(states.learnt, index)
        states.quality = frozen_from(states.quality, index)
        states.levels.shape = frozen_from(states.levels.shape, index)
        return ("optim/undertrained", "loss/plateau-early")
    if kind == "never ends":
        setting.lr = schedule(replace(setting, time=setting.time / dice.uniform(2.5, 6)), "cosine")
        return ("optim/undertrained",)
    cycles = dice.whole(2, 6)
    phase = (setting.time * cycles) % 1.0
    setting.lr = schedule(replace(setting, time=phase, warmup=0.0), "cosine")
    for start in range(1, cycles):
        states.bump = states.bump + dice.uniform(0.04, 0.2) * settle(
            setting.time, start / cycles, 0.15 / cycles
        )
    return ("ckpt/schedule-restarts-on-resume",)
