"""Faults of the optimiser: rate, gradients, clipping, budget."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import ramp, settle
from benchmarks.simulated.faults.curves import NO_QUEUE, ONE_CURVE
from benchmarks.simulated.faults.registry import fault, frozen_from, position
from benchmarks.simulated.noise import correlated
from benchmarks.simulated.setting import Wish, fit_dataset, schedule
from benchmarks.simulated.states import States, onset


@fault("optim/lr-too-high", Wish(ONE_CURVE, shortest=60), shows=(("lr",),))
def lr_too_high(states: States) -> tuple[str, ...]:
    """The loss swings without progress, or climbs again after an early minimum."""
    dice = states.dice("fault")
    factor = dice.log_uniform(5, 100)
    states.setting.config["lr"] = float(f"{states.setting.number('lr') * factor:.3g}")
    states.setting.lr = states.setting.lr * factor
    states.gradient = states.gradient * dice.uniform(2, 10)
    hot = states.setting.lr / states.setting.lr.max()
    if dice.chance(0.6):
        states.learnt = states.learnt * dice.uniform(0.1, 0.5)
        swing = correlated(dice.random, states.n, 0.8, dice.whole(4, max(5, states.n // 40)))
        states.bump = states.bump + dice.uniform(0.1, 0.35) * swing * np.sqrt(hot)
    else:
        best, rise = dice.uniform(0.05, 0.3), dice.uniform(0.15, 0.7)
        states.bump = states.bump + rise * ramp(states.time, best, dice.uniform(0.3, 0.9))
        states.noise = states.noise * dice.uniform(1.5, 4)
    states.quality = states.quality * dice.uniform(0.1, 0.6)
    return ("optim/no-warmup", "loss/plateau-early", "optim/gradient-explosion")


@fault(
    "optim/no-warmup",
    Wish(("mocov3", "dino", "ibot", "mae", "barlow", "clip", "ijepa"), shortest=100),
    shows=(("lr",),),
    tells=("warmup_epochs",),
)
def no_warmup(states: States) -> tuple[str, ...]:
    """The rate starts at its peak; the loss spikes in the first percent and recovers in part."""
    dice = states.dice("fault")
    states.setting.warmup, states.setting.drops = 0.0, ()
    states.setting.config["warmup_epochs"] = 0.0
    states.setting.lr = schedule(states.setting, "cosine")
    at, size = dice.uniform(0.003, 0.03), dice.uniform(0.3, 1.5)
    spike = ramp(states.time, 0.0, at) * settle(states.time, 0.0, dice.uniform(0.02, 0.15))
    states.bump = states.bump + size * spike
    states.gradient = states.gradient * (1 + dice.log_uniform(4, 50) * spike)
    states.learnt = states.learnt * dice.uniform(0.5, 0.95)
    states.quality = states.quality * dice.uniform(0.5, 0.95)
    return ("optim/lr-too-high",)


@fault("optim/gradient-explosion", Wish(ONE_CURVE, shortest=60), shows=(("grad_norm",),))
def gradient_explosion(states: States) -> tuple[str, ...]:
    """The gradient norm grows by orders of magnitude and the loss follows, sometimes to NaN."""
    dice = states.dice("fault")
    at, width = dice.uniform(0.2, 0.85), dice.uniform(0.03, 0.3)
    growth = np.clip((states.time - at) / width, 0, 1)
    states.gradient = states.gradient * dice.log_uniform(1e2, 1e6) ** growth
    states.bump = states.bump + dice.uniform(0.1, 1.5) * growth**2
    states.quality = states.quality * (1 - 0.7 * growth)
    if dice.chance(0.4) and at + width < 0.98:
        states.dead_after = int(np.argmax(position(states) >= at + width))
        return ("optim/lr-too-high", "numerics/nan-hunting")
    return ("optim/lr-too-high",)


@fault("optim/gradient-vanishing", Wish(ONE_CURVE, shortest=60))
def gradient_vanishing(states: States) -> tuple[str, ...]:
    """The gradient falls by orders of magnitude or misses the first layer; progress ends."""
    dice = states.dice("fault")
    at = dice.uniform(0.02, 0.4)
    stop = min(states.n - 1, int(at * states.n))
    states.learnt = frozen_from(states.learnt, stop) * dice.uniform(0.3, 0.8)
    states.quality = frozen_from(states.quality, stop) * 0.4
    if dice.chance(0.6):
        states.must_log.append("grad_norm")
        fall = ramp(states.time, 0.3 * at, at)
        states.gradient = states.gradient * dice.log_uniform(1e-7, 1e-4) ** fall
    else:
        states.must_log += ["grad_norm_first", "grad_norm_last"]
        states.first_layer = np.full(states.n, dice.log_uniform(1e-8, 1e-4))
    return ("loss/no-gradient-path", "loss/plateau-early")


@fault(
    "optim/loss-spikes", Wish(("clip", "mae", "mocov3", "dino", "simclr", "data2vec"), shortest=300)
)
def loss_spikes(states: States) -> tuple[str, ...]:
    """Several sudden spikes, each with a gradient spike, that take about a percent to recover."""
    dice = states.dice("fault")
    for _ in range(dice.whole(4, 25)):
        at = dice.uniform(0.05, 0.97)
        spike = settle(states.time, at, dice.uniform(0.001, 0.006))
        states.bump = states.bump + dice.uniform(0.2, 1.5) * spike
        states.gradient = states.gradient * (1 + dice.log_uniform(4, 60) * spike)
    return ("optim/lr-too-high",)


@fault("optim/undertrained", Wish(NO_QUEUE, step_clock=True, shortest=60), tells=("epochs",))
def undertrained(states: States) -> tuple[str, ...]:
    """Everything is healthy but the run ends while the loss still falls steeply."""
    dice = states.dice("fault")
    epochs = dice.whole(2, 15)
    states.setting.config["epochs"] = epochs
    states.setting.epochs = states.time * epochs
    fit_dataset(states.setting)
    states.learnt = dice.uniform(0.25, 0.7) * np.clip(states.time, 0, 1) ** dice.uniform(0.6, 1.0)
    states.quality = states.learnt**1.1
    states.levels.shape = np.zeros(states.n)
    if dice.chance(0.4):
        low = dice.log_uniform(0.01, 0.1)
        states.setting.config["lr"] = float(f"{states.setting.number('lr') * low:.3g}")
        states.setting.lr = states.setting.lr * low
    return ("optim/schedule-length-wrong", "loss/plateau-early")


@fault("optim/clip-threshold-mis-set", says=("grad_clip",))
def clip_threshold(states: States) -> tuple[str, ...]:
    """The threshold is 1 to 10 percent of the norm: most steps are clipped, progress is slow."""
    dice = states.dice("fault")
    states.must_log += dice.pick((["clip_frac"], ["grad_norm"], ["clip_frac", "grad_norm"]))
    threshold = float(np.median(states.gradient)) * dice.log_uniform(0.01, 0.1)
    states.setting.config["grad_clip"] = float(f"{threshold:.2g}")
    high = dice.uniform(0.95, 1.0)
    states.clipped = np.clip(high + 0.02 * dice.random.standard_normal(states.n), 0.9, 1)
    slow = np.clip(onset(states.time, dice, (0.0, 0.0), (0.8, 1.5)), 0, 1)
    states.learnt = states.learnt * (dice.uniform(0.2, 0.6) + 0.2 * slow)
    states.quality = states.quality * 0.6
    return ("optim/gradient-explosion", "optim/undertrained")
