"""Runs that learn well and waste their accelerator."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States


def _log(states: States, share: float) -> None:
    only_times = states.dice("speed").chance(share)
    states.must_log += ["data_time", "step_time"] + ([] if only_times else ["gpu_util"])


@fault("perf/dataloader-bound")
def dataloader_bound(states: States) -> tuple[str, ...]:
    """The step waits for data most of the time, irregularly; the GPU idles; learning is healthy."""
    dice = states.dice("fault")
    _log(states, 0.5)
    share = dice.uniform(0.4, 0.9)
    jitter = dice.uniform(0.05, 0.5) * dice.random.standard_normal(states.n)
    odds = share / (1 - share) * np.exp(jitter)
    states.waiting = odds / (1 + odds)
    states.busy = np.full(states.n, 100 * (1 - share) * dice.uniform(0.8, 1.0))
    return ("perf/augmentation-on-cpu",)


@fault("perf/augmentation-on-cpu", Wish(("simclr", "dino", "swav", "mocov2", "byol", "ibot")))
def augmentation_on_cpu(states: States) -> tuple[str, ...]:
    """Every step waits by about the same large share; the GPU idles; learning is healthy."""
    dice = states.dice("fault")
    _log(states, 0.4)
    share = dice.uniform(0.35, 0.85)
    odds = share / (1 - share) * np.exp(0.04 * dice.random.standard_normal(states.n))
    states.waiting = odds / (1 + odds)
    states.busy = np.full(states.n, 100 * (1 - share) * dice.uniform(0.85, 1.0))
    return ("perf/dataloader-bound",)
