"""Each simulated fault shows what its docstring says, beside its healthy twin."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.simulated import FAULTS, Simulated, faulty, twin
from kb.run import FloatArray

SEED, COUNT = 11, 6
Shows = Callable[[Simulated, Simulated], bool]


def _values(one: Simulated, name: str) -> FloatArray:
    return one.run.series[name].values


def _end(one: Simulated, name: str) -> float:
    """Return the median of the last quarter's finite values."""
    tail = _values(one, name)[-max(3, len(_values(one, name)) // 4) :]
    return float(np.median(tail[np.isfinite(tail)]))


def _number(one: Simulated, name: str) -> float:
    return float(one.parameters[name])


def _logs(one: Simulated, *names: str) -> list[str]:
    return [name for name in names if name in one.run.series]


def _less_spread(one: Simulated, other: Simulated) -> bool:
    """Return True when every measure of spread that was logged says so, and one was."""
    lower = [_end(one, n) < 0.8 * _end(other, n) for n in _logs(one, "z_std", "rankme_z")]
    higher = [
        _end(one, name) > _end(other, name) + 0.1
        for name in _logs(one, "collapse_level", "neg_sim", "uniform")
    ]
    return bool(lower + higher) and all(lower + higher)


def _poorer(one: Simulated, other: Simulated) -> bool:
    found = _logs(one, "knn_acc", "online_acc")
    return bool(found) and all(_end(one, n) < _end(other, n) for n in found)


def _lower_rank(one: Simulated, other: Simulated) -> bool:
    found = _logs(one, "rankme_z", "erank_z", "rankme_h", "erank_h")
    return bool(found) and all(_end(one, n) < 0.5 * _end(other, n) for n in found)


def _near(value: float, target: float, share: float) -> bool:
    return abs(value / target - 1) < share


def _uniform(one: Simulated, _: Simulated) -> bool:
    # iBOT logs the sum of two terms.
    both = 2 if one.parameters["method"] == "ibot" else 1
    return _near(_end(one, "loss"), both * math.log(_number(one, "prototypes")), 0.006)


def _higher_loss(one: Simulated, other: Simulated) -> bool:
    return _end(one, "loss") > _end(other, "loss")


def _lasting_gap(one: Simulated, other: Simulated) -> bool:
    return _end(one, "loss") > _end(other, "loss") + 0.1 * float(np.ptp(_values(other, "loss")))


def _rank_peaks(one: Simulated, _: Simulated) -> bool:
    (name, *_rest) = _logs(one, "rankme_z", "erank_z", "rankme_h", "erank_h")
    values = _values(one, name)
    return bool(values.argmax() < 0.75 * values.size and values[-1] < 0.8 * values.max())


def _no_spread_from_start(one: Simulated, _: Simulated) -> bool:
    scaled = {"z_std": math.sqrt(_number(one, "dim")), "raw_std": 0.2}
    small = [_values(one, n)[0] * scaled[n] < 0.02 for n in _logs(one, *scaled)]
    large = [_values(one, n)[0] > 0.98 for n in _logs(one, "collapse_level", "neg_sim")]
    uniform = [_values(one, n)[0] > -0.01 for n in _logs(one, "uniform")]
    return bool(small + large + uniform) and all(small + large + uniform)


def _frozen_teacher(one: Simulated, other: Simulated) -> bool:
    distance = [_end(one, n) > 3 * _end(other, n) for n in _logs(one, "ema_dist")]
    momentum = [_values(one, n)[0] >= 0.99999 for n in _logs(one, "ema_m")]
    return bool(distance + momentum) and all(distance + momentum)


def _one_prototype(one: Simulated, other: Simulated) -> bool:
    share = [_end(one, n) > 0.35 for n in _logs(one, "proto_max_share")]
    used = [_end(one, n) < 0.2 * _end(other, n) for n in _logs(one, "proto_perplexity")]
    return bool(share + used) and all(share + used)


def _weak_hinge(one: Simulated, other: Simulated) -> bool:
    std = [_end(one, n) < 0.6 * _end(other, n) for n in _logs(one, "raw_std")]
    hinge = [_end(one, n) > 0.4 for n in _logs(one, "term/var")]
    return bool(std + hinge) and all(std + hinge)


def _strangers(one: Simulated, other: Simulated) -> bool:
    apart = [_end(one, n) > 2 * _end(other, n) for n in _logs(one, "term/inv", "align")]
    together = [_end(one, n) < _end(other, n) for n in _logs(one, "pos_sim")]
    return bool(apart + together) and all(apart + together)


def _validation_rises(one: Simulated, other: Simulated) -> bool:
    values, span = _values(one, "val/loss"), float(np.ptp(_values(other, "loss")))
    return bool(
        values[-3:].mean() > values.min() + 0.02 * span
        and values.argmin() < 0.7 * values.size
        and _near(_end(one, "loss"), _end(other, "loss"), 1e-9)
    )


def _still(one: Simulated, other: Simulated) -> bool:
    values = _values(one, "loss")
    half = values.size // 2
    drift = abs(values[:half].mean() - values[half:].mean())
    zero = all((_values(one, n) == 0).all() for n in _logs(one, "grad_norm"))
    return bool(zero and drift < 0.05 * np.ptp(_values(other, "loss")))


def _early_low(one: Simulated, other: Simulated) -> bool:
    values, usual = _values(one, "loss"), _values(other, "loss")
    early = float(np.median(values[values.size // 10 : values.size // 5]))
    return early < _end(other, "loss") + 0.02 * float(np.ptp(usual))


def _swings_or_climbs(one: Simulated, other: Simulated) -> bool:
    faster = [_end(one, n) > 4 * _end(other, n) for n in _logs(one, "lr") if _end(other, n) > 0]
    return all(faster) and _higher_loss(one, other)


def _early_spike(one: Simulated, other: Simulated) -> bool:
    start = max(5, one.run.series["loss"].values.size // 10)
    excess = (_values(one, "loss") - _values(other, "loss"))[:start].max()
    rate = _values(one, "lr")
    return bool(excess > 0.1 * np.ptp(_values(other, "loss")) and rate[0] > 0.9 * rate.max())


def _explodes(one: Simulated, other: Simulated) -> bool:
    norm = _values(one, "grad_norm")
    return bool(np.nanmax(norm) > 20 * np.nanmedian(_values(other, "grad_norm")))


def _vanishes(one: Simulated, other: Simulated) -> bool:
    if "grad_norm_first" in one.run.series and "grad_norm_last" in one.run.series:
        ratio = _end(one, "grad_norm_first") / _end(one, "grad_norm_last")
        if ratio < 1e-3:
            return _higher_loss(one, other)
    norm = _values(one, "grad_norm")
    return bool(norm[-5:].mean() < 1e-3 * norm[:3].mean()) and _higher_loss(one, other)


def _spikes(one: Simulated, other: Simulated) -> bool:
    excess = (_values(one, "loss") - _values(other, "loss")) / np.ptp(_values(other, "loss"))
    return bool((excess > 0.1).sum() >= 3 and np.median(excess) < 0.1)


def _still_improving(one: Simulated, _: Simulated) -> bool:
    values = _values(one, "loss")
    fifth = values.size // 5
    falls = values[-2 * fifth : -fifth].mean() - values[-fifth:].mean()
    return bool(falls > 0.03 * np.ptp(values)) and _number(one, "epochs") <= 15


def _odd_rate(one: Simulated, other: Simulated) -> bool:
    return not np.allclose(_values(one, "lr"), _values(other, "lr"), rtol=0.02)


def _clipped(one: Simulated, other: Simulated) -> bool:
    often = [_end(one, n) > 0.9 > _end(other, n) for n in _logs(other, "clip_frac")]
    above = [_end(one, n) > 5 * _number(one, "grad_clip") for n in _logs(one, "grad_norm")]
    return all(often + above) and _higher_loss(one, other)


def _nan(one: Simulated, other: Simulated) -> bool:
    return bool(np.isnan(_values(one, "loss")[-1]) and np.isfinite(_values(other, "loss")).all())


def _overflow(one: Simulated, other: Simulated) -> bool:
    infinite = [np.isinf(_values(one, n)).any() for n in _logs(one, "grad_norm")]
    scale = [_values(one, n)[-1] < 0.1 * _values(other, n)[-1] for n in _logs(one, "amp_scale")]
    return _nan(one, other) and bool(infinite + scale) and all(infinite + scale)


def _scale_gone(one: Simulated, other: Simulated) -> bool:
    return bool(_values(one, "amp_scale")[-1] <= 1 < _values(other, "amp_scale")[-1])


def _rate_restarts(one: Simulated, _: Simulated) -> bool:
    steps, rate = one.run.series["lr"].steps, _values(one, "lr")
    again = int(np.argmin(np.diff(steps))) + 1
    return bool(np.diff(steps).min() < 0 and rate[again] < 0.6 * rate[again - 1])


def _jumps(one: Simulated, other: Simulated) -> bool:
    again = int(np.argmin(np.diff(one.run.series["loss"].steps))) + 1
    excess = _values(one, "loss") - _values(other, "loss")
    span = np.ptp(_values(other, "loss"))
    return bool(excess[again] > 0.05 * span and np.abs(excess[:again]).max() < 1e-6 * span)


def _waits(one: Simulated, other: Simulated) -> bool:
    share = _end(one, "data_time") / _end(one, "step_time")
    idle = all(_end(one, n) < 70 < _end(other, n) for n in _logs(other, "gpu_util"))
    return share > 0.3 and idle and _near(_end(one, "loss"), _end(other, "loss"), 1e-9)


def _little_room(one: Simulated, _: Simulated) -> bool:
    # MoCo v3's own recipe for convolutional networks has temperature 1.
    usual = 1.0 if one.parameters["method"] == "mocov3" else 0.5
    little = _end(one, "loss") > 0.6 * float(_values(one, "loss").max())
    return _number(one, "temperature") > usual and little


def _exactly_alike(one: Simulated, _: Simulated) -> bool:
    apart = [np.abs(_values(one, n)).max() < 1e-5 for n in _logs(one, "align")]
    together = [_values(one, n).min() > 1 - 1e-5 for n in _logs(one, "pos_sim")]
    invariance = [(_values(one, n) == 0).all() for n in _logs(one, "term/inv")]
    found = apart + together + invariance
    return bool(found) and all(found)


def _bad_scale(one: Simulated, _: Simulated) -> bool:
    scale = _values(one, "logit_scale")
    loss = _values(one, "loss")
    rises = loss[-5:].mean() > loss.min() + 0.1 * np.ptp(loss)
    at_once = scale[scale.size // 4] > 99.9 and scale[-1] <= 100 and rises
    return bool(scale.max() > 250 or scale[-1] < 3.1 or at_once)


def _one_term(one: Simulated, _: Simulated) -> bool:
    if one.parameters["method"] == "lejepa":
        weight = _number(one, "lambda_reg")
        parts = [(1 - weight) * _end(one, "term/pred"), weight * _end(one, "term/reg")]
    else:
        parts = [
            _number(one, f"lambda_{n}") * _end(one, f"term/{n}") for n in ("inv", "var", "cov")
        ]
    return max(parts) > 10 * (sum(parts) - max(parts))


def _do_not_move(one: Simulated, other: Simulated) -> bool:
    names = _logs(one, "z_std", "collapse_level", "neg_sim", "rankme_z", "erank_z", "knn_acc")
    still = [np.ptp(_values(one, n)) <= 1e-3 * abs(_values(one, n).mean()) for n in names]
    return len(names) >= 2 and all(still) and _near(_end(one, "loss"), _end(other, "loss"), 1e-9)


SHOWS: dict[str, Shows] = {
    "contrastive/chance-level-loss": _higher_loss,
    "contrastive/queue-chance-level": lambda one, _: _near(
        _end(one, "loss"), math.log(_number(one, "queue_size") + 1), 0.005
    ),
    "contrastive/temperature-too-high": _little_room,
    "contrastive/batch-too-small": lambda one, other: (
        _number(one, "batch_size") <= 16 and _poorer(one, other)
    ),
    "collapse/complete": _less_spread,
    "collapse/late-onset": _less_spread,
    "collapse/dimensional": _lower_rank,
    "collapse/dead-dimensions": lambda one, _: _end(one, "dead_dims") > 0.1,
    "collapse/redundant-dimensions": lambda one, other: all(
        _end(one, n) > 1.5 * _end(other, n) for n in _logs(one, "offdiag_corr", "term/cov")
    ),
    "collapse/scale-shrinkage": lambda one, other: all(
        _end(one, n) < 0.3 * _end(other, n) for n in _logs(one, "raw_std", "feat_norm")
    ),
    "collapse/rank-peaks-then-decays": _rank_peaks,
    "collapse/constant-output-at-init": _no_spread_from_start,
    "distill/no-stop-gradient": lambda one, other: (
        _number(one, "stop_gradient") == 0 and (_less_spread(one, other) or _poorer(one, other))
    ),
    "distill/no-predictor": lambda one, other: _less_spread(one, other) or _poorer(one, other),
    "distill/teacher-temperature-too-high": _uniform,
    "distill/centering-missing": lambda one, other: _end(one, "loss") < 0.05 * _end(other, "loss"),
    "distill/ema-momentum-too-high": _frozen_teacher,
    "distill/ema-momentum-too-low": lambda one, _: _number(one, "ema_momentum") <= 0.9,
    "distill/small-batch-or-capacity-collapse": _less_spread,
    "cluster/uniform-assignment": _uniform,
    "cluster/single-cluster": _one_prototype,
    "redundancy/variance-weight-too-low": _weak_hinge,
    "redundancy/missing-invariance-term": _strangers,
    "masked/predicts-mean": lambda one, _: 0.96 < _end(one, "loss") < 1.01,
    "jepa/target-collapse": lambda one, other: _end(one, "loss") < 0.2 * _end(other, "loss"),
    "loss/plateau-early": _lasting_gap,
    "loss/validation-rises-early": _validation_rises,
    "loss/no-gradient-path": _still,
    "loss/too-low-too-fast": _early_low,
    "loss/one-term-dominates": _one_term,
    "optim/lr-too-high": _swings_or_climbs,
    "optim/no-warmup": _early_spike,
    "optim/gradient-explosion": _explodes,
    "optim/gradient-vanishing": _vanishes,
    "optim/loss-spikes": _spikes,
    "optim/undertrained": _still_improving,
    "optim/schedule-length-wrong": _odd_rate,
    "optim/clip-threshold-mis-set": _clipped,
    "numerics/nan-hunting": _nan,
    "numerics/fp16-logit-overflow": _overflow,
    "numerics/amp-scale-collapse": _scale_gone,
    "ckpt/schedule-restarts-on-resume": _rate_restarts,
    "ckpt/auxiliary-state-missing": _jumps,
    "perf/dataloader-bound": _waits,
    "perf/augmentation-on-cpu": _waits,
    "augment/too-weak": _poorer,
    "data/identical-views-bug": _exactly_alike,
    "multimodal/chance-level-loss": _lasting_gap,
    "multimodal/logit-scale-runaway": _bad_scale,
    "monitor/metrics-do-not-move": _do_not_move,
}


def test_every_fault_has_a_check() -> None:
    assert set(SHOWS) == set(FAULTS)


@pytest.mark.parametrize("entry", FAULTS)
def test_a_fault_shows_beside_its_healthy_twin(entry: str) -> None:
    for number, one in enumerate(faulty(entry, COUNT, SEED)):
        assert SHOWS[entry](one, twin(entry, number, SEED)), one.name


WITHOUT = tuple(
    entry
    for entry in FAULTS
    # These read a true setting or a rate that a healthy twin may share by chance.
    if entry not in ("optim/schedule-length-wrong",)
)


@pytest.mark.parametrize("entry", WITHOUT)
def test_the_twin_itself_does_not_show_the_fault(entry: str) -> None:
    shown = 0
    for number in range(COUNT):
        other = twin(entry, number, SEED)
        try:
            shown += SHOWS[entry](other, other)
        except (KeyError, ValueError):
            continue  # what would show the fault is logged by the faulty run only
    assert shown <= 1
