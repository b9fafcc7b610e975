"""The loss and its terms as functions of the states, without and with noise."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.simulated.curves import sawtooth
from benchmarks.simulated.noise import correlated
from benchmarks.simulated.states import States
from kb.run import FloatArray

STD_EPS = 1e-4
"""Added to the variance under VICReg's square root."""

Terms = dict[str, FloatArray]


def told_apart(states: States) -> FloatArray:
    """Return how far samples can still be told apart: 0 when all embeddings coincide, else 1."""
    if states.setting.recipe.family in ("nt_xent", "supcon", "queue", "moco_v3", "clip"):
        return np.clip(states.spread / 0.8, 0, 1) ** 2
    return np.clip(states.spread / 0.5, 0, 1)


def raw_std(states: States) -> FloatArray:
    """Return the mean standard deviation per dimension, before any normalisation."""
    dice, time = states.dice("raw_std"), states.time
    begin = dice.uniform(0.2, 0.7)
    end = _vicreg_std(states) if states.setting.method == "vicreg" else dice.log_uniform(0.2, 3)
    if states.setting.method != "vicreg":
        begin = end * dice.uniform(0.5, 1.5)
    base = begin + (end - begin) * (1 - np.exp(-dice.uniform(6, 25) * time))
    return base * states.scale * np.clip(states.spread / 0.8, 0, 1)


def _vicreg_std(states: States) -> float:
    """Return the standard deviation at which VICReg's three forces balance."""
    held = states.setting.config
    weights = [float(held[name]) for name in ("lambda_inv", "lambda_var", "lambda_cov")]
    std = np.linspace(0.002, 1.02, 400)
    noise = 2 * (states.setting.number("dim") - 1) / (states.setting.loss_batch - 1)
    apart = 1 - float(states.agreement[-1])
    cost = (
        weights[0] * 2 * std**2 * apart
        + weights[1] * np.clip(1 - std, 0, None)
        + weights[2] * noise * std**4
    )
    return float(std[int(np.argmin(cost))]) * 0.985


def terms(states: States) -> Terms:
    """Return the parts of the loss that such a run can log, unweighted; none for most methods."""
    family = states.setting.recipe.family
    if family == "vicreg":
        return _vicreg_terms(states)
    if family == "lejepa":
        return _lejepa_terms(states)
    if family == "barlow":
        clean, dice = _towards_collapse(states), states.dice("terms")
        share = 0.95 - (0.95 - dice.uniform(0.3, 0.7)) * states.learnt
        if states.identical:
            share = np.zeros(states.n)  # each dimension correlates with itself exactly
        scale = {"barlow": 1.0, "barlow.scaled024": 0.024}.get(states.levels.convention, 0.025)
        weight = states.setting.number("lambda_cov")
        return {
            "term/inv": clean * share / scale,
            "term/cov": clean * (1 - share) / scale / weight,
        }
    if states.setting.method == "ibot":
        clean = _teacher_loss(states)
        share = 0.5 - states.dice("terms").uniform(-0.08, 0.08) * states.learnt
        return {"term/dino_global": clean * share, "term/ibot": clean * (1 - share)}
    return {}


def _vicreg_terms(states: States) -> Terms:
    dice, std = states.dice("terms"), raw_std(states)
    dim, batch = states.setting.number("dim"), states.setting.loss_batch
    noise = 2 * (dim - 1) / (batch - 1) * dice.uniform(1.0, 1.6)
    floor = 2 * max(0.0, dim / (batch - 1) - 1)
    redundant = 2 * (dim - 1) * states.correlation**2
    covariance = std**4 * (max(noise, floor) + redundant)
    # The hinge acts on each dimension; those below the mean keep it above 0.
    hinge = 0.03 * np.logaddexp(0, (1 - np.sqrt(std**2 + STD_EPS)) / 0.03)
    return {
        "term/inv": 2 * std**2 * np.clip(1 - states.agreement, 0, None),
        "term/var": hinge,
        "term/cov": covariance * (0.5 if states.levels.convention == "vicreg.half_cov" else 1),
    }


def _lejepa_terms(states: States) -> Terms:
    dice, alive = states.dice("terms"), told_apart(states)
    start, end = dice.uniform(0.6, 1.5), dice.uniform(0.05, 0.5)
    best, first = dice.uniform(1.05, 2.5), dice.log_uniform(5, 60)
    prediction = (end + (start - end) * (1 - states.learnt)) * alive**2
    spread = best + (first - best) * (1 - states.learnt) ** 3
    return {
        "term/pred": prediction,
        "term/reg": spread + (1 - alive) * 0.402 * states.setting.loss_batch,
    }


def clean_loss(states: States) -> FloatArray:
    """Return the expected loss, shape (n,), from the states alone."""
    family, config = states.setting.recipe.family, states.setting.config
    if family == "vicreg":
        parts = _vicreg_terms(states)
        double = 2 if states.levels.convention == "vicreg.sum2" else 1
        clean = (
            float(config["lambda_inv"]) * parts["term/inv"]
            + float(config["lambda_var"]) * double * parts["term/var"]
            + float(config["lambda_cov"]) * parts["term/cov"]
        )
    elif family == "lejepa":
        parts, weight = _lejepa_terms(states), float(config["lambda_reg"])
        clean = (1 - weight) * parts["term/pred"] + weight * parts["term/reg"]
    elif family == "dino":
        clean = _teacher_loss(states)
    else:
        clean = _towards_collapse(states)
    return clean + states.bump * states.levels.range


def _healthy(states: States) -> FloatArray:
    levels = states.levels
    return levels.start + (levels.end - levels.start) * states.learnt


def _towards_collapse(states: States) -> FloatArray:
    levels, alive = states.levels, told_apart(states)
    healthy = _healthy(states)
    if states.setting.recipe.family == "queue":
        # The filling of the queue shows whatever the spread: its first keys are random.
        return levels.collapsed + alive * (healthy - levels.collapsed) + levels.shape
    return levels.collapsed + alive * (healthy + levels.shape - levels.collapsed)


def _teacher_loss(states: States) -> FloatArray:
    levels = states.levels
    not_uniform = np.clip(states.sharpness / 0.1, 0, 1)
    not_one_hot = np.clip((1 - states.sharpness) / 0.15, 0, 1) ** 2
    apart = not_uniform * (_healthy(states) + levels.shape - levels.chance)
    return (levels.chance + apart) * not_one_hot


def loss(states: States) -> FloatArray:
    """Return the logged loss: expected value, batch noise and epoch seams."""
    dice, clean = states.dice("loss"), clean_loss(states)
    batch = states.setting.number("batch_size")
    relative = max(0.001, dice.uniform(0.008, 0.025) * math.sqrt(32 / batch))
    if states.setting.per_epoch:
        relative *= 0.25
    size = relative * np.clip(np.abs(clean), 0.1 * states.levels.range, _most_noisy(states))
    share, length = dice.uniform(0, 0.6), dice.whole(2, 20)
    wander = correlated(dice.random, states.n, share, length)
    alive = liveliness(states)
    noisy = clean + size * states.noise * alive * wander
    if not states.setting.per_epoch and dice.chance(0.25):
        seam = dice.uniform(0.002, 0.012) * alive
        noisy = noisy + seam * np.abs(clean) * sawtooth(states.setting.epochs)
    return noisy if states.setting.method == "simsiam" else np.abs(noisy)


def _most_noisy(states: States) -> float:
    """Return the level above which noise grows no further: at high temperature little can vary."""
    room = 2 * abs(states.levels.chance - states.levels.floor)
    return room if math.isfinite(room) else math.inf


def liveliness(states: States) -> FloatArray:
    """Return the share of its noise that the loss keeps: what coincides varies by rounding only."""
    alive = told_apart(states)
    if states.setting.method == "vicreg":
        alive = np.minimum(alive, raw_std(states) / 0.3)
    return np.clip(alive, 2e-3, 1)


def logged_term(states: States, part: FloatArray) -> FloatArray:
    """Return a term with the noise of the whole, so that logged terms add up to the loss."""
    clean = clean_loss(states)
    return part * loss(states) / np.where(np.abs(clean) > 1e-12, clean, 1.0)
