"""Vocabulary metrics as functions of the states: name -> values of shape (n,).

Accuracies are shares, `gpu_util` is in percent, times in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.simulated import losses, probes
from benchmarks.simulated.methods import CONTRASTIVE
from benchmarks.simulated.noise import Dice
from benchmarks.simulated.probes import sampled, times
from benchmarks.simulated.states import States
from kb.run import FloatArray

Render = Callable[[States, Dice], FloatArray]

FROZEN_NOISE = 1e-5
"""Relative change of a diagnostic that comes from the same tensor every time."""


def _contrast_acc(states: States, dice: Dice) -> FloatArray:
    candidates = 2 * states.setting.loss_batch - 1
    if states.setting.recipe.family == "queue":
        candidates = int(states.setting.number("queue_size")) + 1
    best = dice.uniform(0.4, 0.95) * losses.told_apart(states)
    expected = 1 / candidates + (best - 1 / candidates) * states.learnt
    return sampled(expected, states.setting.number("batch_size"), dice)


def _val_loss(states: States, dice: Dice) -> FloatArray:
    clean = losses.clean_loss(states) - states.bump * states.levels.range
    size = 0.006 * dice.log_uniform(0.3, 2) * np.maximum(np.abs(clean), 0.1 * states.levels.range)
    alive = losses.liveliness(states)
    noise = size * alive * dice.random.standard_normal(states.n)
    return clean + states.gap * states.levels.range * alive + noise


def _grad_norm(states: States, dice: Dice) -> FloatArray:
    return states.gradient * times(states, dice, 0.03)


def _grad_norm_first(states: States, dice: Dice) -> FloatArray:
    return states.gradient * np.sqrt(states.first_layer) * 0.4 * times(states, dice, 0.1)


def _grad_norm_last(states: States, dice: Dice) -> FloatArray:
    return states.gradient / np.sqrt(states.first_layer) * 0.4 * times(states, dice, 0.1)


def _step_time(states: States, dice: Dice) -> FloatArray:
    compute = states.dice("compute").log_uniform(0.06, 1.2)
    return compute / (1 - np.clip(states.waiting, 0, 0.97)) * times(states, dice, 0.02)


def _data_time(states: States, dice: Dice) -> FloatArray:
    return _step_time(states, dice) * states.waiting


def _imgs_per_s(states: States, dice: Dice) -> FloatArray:
    return states.setting.number("batch_size") / _step_time(states, dice)


def _gpu_util(states: States, dice: Dice) -> FloatArray:
    return np.clip(states.busy + 2.5 * dice.random.standard_normal(states.n), 0, 100)


def _teacher_entropy(states: States, dice: Dice) -> FloatArray:
    whole = math.log(states.setting.number("prototypes"))
    return np.clip(whole * (1 - states.sharpness) * times(states, dice, 0.004), 0, whole)


def _perplexity(states: States, dice: Dice) -> FloatArray:
    count = states.setting.number("prototypes")
    used = 1 + (0.85 * count - 1) * np.clip((count - states.top_share) / count, 0, 1) ** 6
    return np.clip(used * times(states, dice, 0.01), 1, count)


def _top_share(states: States, dice: Dice) -> FloatArray:
    count = states.setting.number("prototypes")
    return np.clip(states.top_share / count * times(states, dice, 0.05), 0, 1)


def _target_var(states: States, dice: Dice) -> FloatArray:
    return np.clip(states.spread**2, 0, 1) * times(states, dice, 0.01)


def _lag(states: States, dice: Dice) -> FloatArray:
    return states.lag * times(states, dice, 0.01)


def _teacher_temp(states: States, _: Dice) -> FloatArray:
    return np.full(states.n, states.setting.number("teacher_temperature"))


METRICS: dict[str, Render] = {
    "loss": lambda states, _: losses.loss(states),
    "lr": lambda states, _: states.setting.lr,
    "epoch": lambda states, _: np.floor(states.setting.epochs),
    "grad_norm": _grad_norm,
    "grad_norm_first": _grad_norm_first,
    "grad_norm_last": _grad_norm_last,
    "clip_frac": lambda states, _: states.clipped,
    "amp_scale": lambda states, _: states.amp,
    "z_std": probes.z_std,
    "collapse_level": probes.collapse_level,
    "raw_std": probes.raw_std,
    "feat_norm": probes.feat_norm,
    "pos_sim": probes.pos_sim,
    "neg_sim": probes.neg_sim,
    "align": probes.align,
    "uniform": probes.uniform,
    "rankme_z": probes.rankme,
    "rankme_h": probes.rankme,
    "erank_z": probes.rank,
    "erank_h": probes.rank,
    "dead_dims": probes.dead_dims,
    "offdiag_corr": probes.offdiag_corr,
    "knn_acc": probes.accuracy,
    "online_acc": probes.accuracy,
    "contrast_acc": _contrast_acc,
    "val/loss": _val_loss,
    "data_time": _data_time,
    "step_time": _step_time,
    "imgs_per_s": _imgs_per_s,
    "gpu_util": _gpu_util,
    "ema_m": lambda states, _: states.momentum,
    "ema_dist": _lag,
    "teacher_entropy": _teacher_entropy,
    "proto_perplexity": _perplexity,
    "proto_max_share": _top_share,
    "target_var": _target_var,
    "teacher_temp": _teacher_temp,
    "logit_scale": lambda states, _: states.logit_scale,
}

SPREAD = (
    "z_std",
    "collapse_level",
    "raw_std",
    "uniform",
    "align",
    "pos_sim",
    "neg_sim",
    "feat_norm",
)
RANKS = ("rankme_z", "rankme_h", "erank_z", "erank_h", "offdiag_corr", "dead_dims")
ACCURACIES = ("knn_acc", "online_acc")
FROZEN = (*SPREAD, *RANKS, *ACCURACIES)
SLOW = (*RANKS, *ACCURACIES, "val/loss")
"""Metrics that are computed on every 1st to 50th logged point only."""

LIVE_AFTER_NAN = ("lr", "epoch", "data_time", "step_time", "imgs_per_s", "gpu_util", "ema_m",
                  "amp_scale", "clip_frac", "teacher_temp")  # fmt: skip
"""What stays a number after the weights are NaN."""


def render(states: States, name: str) -> FloatArray:
    """Return the values of one metric, NaN from where the weights are."""
    parts = losses.terms(states) if name.startswith("term/") else {}
    if name in parts:
        values = losses.logged_term(states, parts[name])
    else:
        values = METRICS[name](states, states.dice(name))
    if states.frozen_probes and name in FROZEN:
        values = values[0] * times(states, states.dice("frozen"), FROZEN_NOISE)
    if states.dead_after is not None and name not in LIVE_AFTER_NAN:
        values = values.copy()
        # Neighbours of NaN features vote for one class; everything else is NaN.
        share = 1 / float(states.setting.config.get("classes", 10))
        values[states.dead_after :] = share if name in ACCURACIES else math.nan
    return values


def available(states: States) -> tuple[str, ...]:
    """Return the metrics that a run of this method could log."""
    method, has = states.setting.method, set(METRICS)
    if method == "mae":
        has -= {*SPREAD, "rankme_z", "erank_z"} - {"feat_norm"}
    if not states.setting.recipe.teacher:
        has -= {"ema_m", "ema_dist"}
    if method not in ("dino", "ibot"):
        has -= {"teacher_entropy", "teacher_temp"}
    if "prototypes" not in states.setting.config:
        has -= {"proto_perplexity", "proto_max_share"}
    if method not in CONTRASTIVE:
        has.discard("contrast_acc")
    if method != "clip":
        has.discard("logit_scale")
    if method not in ("ijepa", "data2vec"):
        has.discard("target_var")
    if states.setting.config["precision"] != "fp16":
        has.discard("amp_scale")
    return (*(name for name in METRICS if name in has), *losses.terms(states))
