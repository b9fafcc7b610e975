"""The hidden states of a training over time. Faults change these; metrics follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchmarks.simulated.curves import cosine, paused, ramp, saturating, settle
from benchmarks.simulated.levels import Levels, draw_levels
from benchmarks.simulated.noise import Dice, correlated
from benchmarks.simulated.setting import Setting
from kb.run import FloatArray

AMP_START = 65536.0
"""GradScaler's initial scale; it halves at an overflow and doubles after 2,000 good steps."""

AMP_GROWTH_STEPS = 2000


@dataclass(slots=True)
class States:
    """Everything that is true of a training, one array of shape (n,) a state.

    learnt: share of what this run will learn, 0 to 1. quality: the same of its features.
    spread: standard deviation of unit vectors times sqrt(d). scale: factor on the raw standard
    deviation. rank: effective rank over its maximum. correlation: mean absolute correlation of
    dimensions beyond sampling noise. dead: share of dead dimensions. agreement: correlation of
    the two views. gradient, first_layer: gradient norm, and the first layer's over the last's.
    noise: factor on the loss noise. bump: added to the loss, in ranges. gap: validation minus
    training loss, in ranges. momentum: the teacher's. lag: student-teacher distance. sharpness:
    1 - entropy of the teacher over ln K. waiting: share of the step spent on data. busy: GPU
    utilisation. amp: loss scale. logit_scale: learnt factor on cosines. clipped: share of
    clipped steps. top_share: share of the largest cluster. dead_after: index from which values
    are NaN. frozen_probes: diagnostics come from a tensor that never changes. identical: the
    two views are the same tensor. must_log: metrics without which a fault would not show.
    """

    setting: Setting
    levels: Levels
    learnt: FloatArray
    quality: FloatArray
    spread: FloatArray
    scale: FloatArray
    rank: FloatArray
    correlation: FloatArray
    dead: FloatArray
    agreement: FloatArray
    gradient: FloatArray
    first_layer: FloatArray
    noise: FloatArray
    bump: FloatArray
    gap: FloatArray
    momentum: FloatArray
    lag: FloatArray
    sharpness: FloatArray
    waiting: FloatArray
    busy: FloatArray
    amp: FloatArray
    logit_scale: FloatArray
    clipped: FloatArray
    top_share: FloatArray
    dead_after: int | None = None
    frozen_probes: bool = False
    identical: bool = False
    must_log: list[str] = field(default_factory=list)

    @property
    def time(self) -> FloatArray:
        """Return the setting's time, shape (n,)."""
        return self.setting.time

    @property
    def n(self) -> int:
        """Return the number of logged points."""
        return self.setting.n

    def dice(self, tag: str) -> Dice:
        """Return the stream of one quantity."""
        return self.setting.dice(tag)


def draw_states(setting: Setting) -> States:
    """Return the states of a healthy training."""
    dice, time = setting.dice("states"), setting.time
    ones = np.ones(time.size)
    learnt = _learnt(setting, dice)
    features = learnt ** dice.uniform(0.7, 1.3)
    begin = dice.uniform(0.35, 0.9)
    early = 1 - np.exp(-dice.uniform(8, 30) * time)
    spread = begin + (dice.uniform(max(0.85, begin), 1.0) - begin) * early
    low = dice.uniform(0.1, 0.4)
    gradient = _gradient(setting, dice)
    # Half of those who clip do so far above the usual norm, to catch spikes only.
    threshold = float(np.median(gradient)) * dice.log_uniform(1.5, 10)
    setting.config["grad_clip"] = float(f"{threshold:.2g}") if dice.chance(0.4) else 0.0
    return States(
        setting=setting,
        levels=draw_levels(setting),
        learnt=learnt,
        quality=features,
        spread=spread,
        scale=ones * 1.0,
        rank=low + (dice.uniform(max(low, 0.3), 0.85) - low) * features,
        correlation=dice.uniform(0.0, 0.08) * (1 - 0.7 * learnt),
        dead=np.where(dice.chance(0.7), 0.0, dice.uniform(0, 0.02)) * ones,
        agreement=_agreement(dice, learnt),
        gradient=gradient,
        first_layer=ones * dice.log_uniform(0.1, 10),
        noise=ones * 1.0,
        bump=_bumps(setting, dice),
        gap=ones * dice.uniform(0, 0.04),
        momentum=_momentum(setting, dice),
        lag=_lag(dice, time),
        sharpness=_sharpness(dice, learnt),
        waiting=_waiting(dice, time.size),
        busy=ones * dice.uniform(82, 99),
        amp=_amp(setting, dice),
        logit_scale=_logit_scale(dice, learnt),
        clipped=dice.uniform(0, 0.25) * np.exp(-dice.uniform(0, 6) * time),
        top_share=ones * dice.uniform(1.5, 6),
    )


def _learnt(setting: Setting, dice: Dice) -> FloatArray:
    time = setting.time
    if setting.method == "swav":
        # Prototypes are frozen at first, and uniform codes teach little for a while.
        time = paused(time, 0.0, dice.uniform(0.02, 0.25))
    elif dice.chance(0.15):
        time = paused(time, 0.0, dice.uniform(0.03, 0.15))
    if dice.chance(0.1):
        time = paused(time, dice.uniform(0.1, 0.4), dice.uniform(0.05, 0.2))
    learnt = saturating(np.clip(time, 0, 1), dice.uniform(3, 12), dice.uniform(0.5, 1.0))
    if setting.drops:
        gains = [dice.uniform(0.03, 0.1) for _ in setting.drops]
        learnt = learnt * (1 - sum(gains))
        for gain, at in zip(gains, setting.drops, strict=True):
            learnt = learnt + gain * (1 - settle(setting.time, at, 0.01)) * (setting.time >= at)
    return learnt


def _agreement(dice: Dice, learnt: FloatArray) -> FloatArray:
    start = dice.uniform(0.3, 0.75)
    return start + (dice.uniform(0.82, 0.97) - start) * learnt


def _gradient(setting: Setting, dice: Dice) -> FloatArray:
    level, change = dice.log_uniform(0.05, 20), dice.log_uniform(0.3, 3.0)
    norm = level * change**setting.time
    if dice.chance(0.4):
        norm = norm * (1 + dice.uniform(0.5, 3) * np.exp(-setting.time / 0.02))
    norm = norm * np.exp(dice.uniform(0.1, 0.3) * correlated(dice.random, setting.n, 0.3, 10))
    if dice.chance(0.2) and setting.n > 60:
        for _ in range(dice.whole(1, 2)):
            norm[dice.whole(5, setting.n - 5)] *= dice.log_uniform(3, 30)
    return norm


def _bumps(setting: Setting, dice: Dice) -> FloatArray:
    bump = np.zeros(setting.n)
    if dice.chance(0.1):
        bump += dice.uniform(0.02, 0.08) * np.exp(-(((setting.time - 0.025) / 0.012) ** 2))
    if dice.chance(0.05) and setting.n > 60:
        bump[dice.whole(10, setting.n - 5)] += dice.uniform(0.05, 0.2)
    return bump


def _momentum(setting: Setting, dice: Dice) -> FloatArray:
    if "ema_momentum" not in setting.config:
        return np.zeros(setting.n)
    base = setting.number("ema_momentum")
    if dice.chance(0.67):
        return cosine(setting.time, base, 1.0)
    return np.full(setting.n, base)


def _lag(dice: Dice, time: FloatArray) -> FloatArray:
    level = dice.log_uniform(0.004, 0.08)
    return level * (1 - np.exp(-time / 0.03)) * (1 - dice.uniform(0.2, 0.9) * time) + level * 0.05


def _sharpness(dice: Dice, learnt: FloatArray) -> FloatArray:
    start = dice.uniform(0.02, 0.15)
    return start + (dice.uniform(0.35, 0.75) - start) * learnt


def _waiting(dice: Dice, count: int) -> FloatArray:
    share = dice.log_uniform(0.005, 0.08) * np.exp(0.3 * dice.random.standard_normal(count))
    first = dice.whole(1, 3)
    share[:first] *= dice.uniform(3, 20)
    return np.clip(share, 0, 0.9)


def _amp(setting: Setting, dice: Dice) -> FloatArray:
    steps = setting.steps
    halvings = np.zeros(setting.n)
    for _ in range(dice.whole(0, 4)):
        halvings += setting.time >= dice.uniform(0.0, 0.1)
    grown = np.floor((steps - steps[0]) / AMP_GROWTH_STEPS)
    scale: FloatArray = AMP_START * np.exp2(grown - halvings)
    return np.clip(scale, 1, 2 * AMP_START)


def _logit_scale(dice: Dice, learnt: FloatArray) -> FloatArray:
    end = 110.0 if dice.chance(0.3) else dice.log_uniform(22, 100)
    return np.minimum(100.0, 14.2857 * (end / 14.2857) ** learnt)


def collapse(states: States, weight: FloatArray, spread: float) -> None:
    """Pull all embeddings together: `weight` (n,) says when, `spread` where they end.

    A DINO head that is given one point assigns it uniformly, because centring subtracts it.
    """
    states.spread = states.spread * (1 - weight) + spread * weight
    states.sharpness = states.sharpness * (1 - weight)
    lost = weight * (1 - min(1.0, spread / 0.5))
    states.quality = states.quality * (1 - lost)
    states.gradient = states.gradient * (1 - 0.995 * lost)


def onset(
    time: FloatArray, dice: Dice, at: tuple[float, float], width: tuple[float, float]
) -> FloatArray:
    """Return a ramp with a drawn start and width."""
    return ramp(time, dice.uniform(*at), dice.uniform(*width))
