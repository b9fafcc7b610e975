"""What of a training is logged: which metrics, how often, and which config keys are known."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated import metrics
from benchmarks.simulated.faults.registry import Fault
from benchmarks.simulated.methods import SPELLED
from benchmarks.simulated.noise import Dice
from benchmarks.simulated.states import States
from kb.run import CONFIG_NAMES, Run, Series
from kb.types import Scalar

KNOWN = {
    "method": 0.95, "batch_size": 0.8, "temperature": 0.7, "dim": 0.5, "queue_size": 0.7,
    "prototypes": 0.7, "lr": 0.75, "epochs": 0.7, "lambda_inv": 0.6, "lambda_var": 0.6,
    "lambda_cov": 0.6, "precision": 0.5, "world_size": 0.6,
}  # fmt: skip
"""Probability that a config key is in the log."""

KNOWN_OTHERWISE = 0.4
TELLS = 0.7
SLOW_EVERY = (1, 2, 5, 10, 20, 50)
FEWEST_SLOW = 12
"""A metric that is computed now and then comes at least this often where the run is long enough."""


def logged(states: States, fault: Fault | None) -> Run:
    """Return the run that the log of this training holds."""
    names = _names(states, fault)
    every = _slow_stride(states)
    series = {}
    for name in names:
        values, steps = metrics.render(states, name), states.setting.steps
        if name in metrics.SLOW and every > 1:
            values, steps = values[every - 1 :: every], steps[every - 1 :: every]
        series[name] = Series(name, np.ascontiguousarray(values), steps.copy(), name)
    return Run(config=_config(states, fault), series=series)


def _slow_stride(states: States) -> int:
    fits = [k for k in SLOW_EVERY if states.n // k >= FEWEST_SLOW]
    return states.dice("cadence").pick(fits or [1])


def _names(states: States, fault: Fault | None) -> list[str]:
    dice, can = states.dice("selection"), metrics.available(states)
    chosen = {"loss"} | _usual(dice, states)
    wanted = [(name,) for name in states.must_log] + list(fault.shows if fault else ())
    for group in wanted:
        shown = [name for name in group if name in can]
        if shown and not chosen & set(shown):
            chosen.add(dice.pick(shown))
    return [name for name in can if name in chosen]


def _usual(dice: Dice, states: States) -> set[str]:
    """Return what someone would log who suspects nothing."""
    chosen: set[str] = set()
    if dice.chance(0.8):
        chosen.add("lr")
    if not states.setting.per_epoch and dice.chance(0.9):
        chosen.add("epoch")
    if dice.chance(0.3):
        return chosen
    chosen |= _some(dice, metrics.SPREAD, 0.35, 4) | _some(dice, metrics.RANKS, 0.2, 3)
    if dice.chance(0.75):
        chosen |= {"term/inv", "term/var", "term/cov", "term/pred", "term/reg", "term/ibot",
                   "term/dino_global"}  # fmt: skip
    if dice.chance(0.3):
        chosen |= {"data_time", "step_time"}
    singles = {
        "grad_norm": 0.4, "knn_acc": 0.3, "online_acc": 0.2, "val/loss": 0.2, "gpu_util": 0.15,
        "imgs_per_s": 0.1, "amp_scale": 0.6, "ema_m": 0.4, "ema_dist": 0.1,
        "teacher_entropy": 0.3, "teacher_temp": 0.2, "contrast_acc": 0.35, "clip_frac": 0.07,
        "proto_perplexity": 0.15, "proto_max_share": 0.1, "target_var": 0.3, "logit_scale": 0.7,
        "grad_norm_first": 0.05, "grad_norm_last": 0.05,
    }  # fmt: skip
    return chosen | {name for name, share in singles.items() if dice.chance(share)}


def _some(dice: Dice, family: tuple[str, ...], share: float, most: int) -> set[str]:
    if not dice.chance(share):
        return set()
    count = dice.whole(1, most)
    return {family[i] for i in dice.random.choice(len(family), count, replace=False)}


def _config(states: States, fault: Fault | None) -> dict[str, Scalar]:
    dice, config = states.dice("config"), states.setting.config
    known: dict[str, Scalar] = {}
    for name in CONFIG_NAMES:
        share = KNOWN.get(name, KNOWN_OTHERWISE)
        if fault is not None and name in (*fault.tells, *fault.says):
            share = 1.0 if name in fault.says else TELLS
        # Drawn for every name, so that a fault's settings do not shift those of its twin.
        if dice.chance(share) and name in config:
            known[name] = config[name]
    if "method" in known:
        known["method"] = SPELLED.get(states.setting.method, states.setting.method)
    if known.get("world_size") == 1 and dice.chance(0.5):
        del known["world_size"]
    return known
