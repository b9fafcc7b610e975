"""Embeddings that lose variance: all at once, late, or in some directions."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import ramp, towards
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.methods import CONTRASTIVE, TWO_VIEWS
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States, collapse, onset

SPREAD = ("z_std", "collapse_level", "neg_sim", "uniform")
RANK = ("rankme_z", "erank_z", "rankme_h", "erank_h")


def _companions(states: States) -> tuple[str, ...]:
    method = states.setting.method
    if method in ("moco", "mocov2"):
        return ("contrastive/queue-chance-level",)
    if method in CONTRASTIVE:
        return ("contrastive/chance-level-loss",)
    if method in ("byol", "simsiam"):
        return ("distill/no-stop-gradient", "distill/no-predictor")
    if method == "vicreg":
        return ("redundancy/variance-weight-too-low", "collapse/scale-shrinkage")
    return ("distill/teacher-temperature-too-high",) if method in ("dino", "ibot") else ()


@fault("collapse/complete", Wish((*TWO_VIEWS, "dino")), shows=((*SPREAD, "rankme_z"),))
def complete(states: States) -> tuple[str, ...]:
    """All embeddings move to one point: spread to 0, loss to its collapse value, kNN to chance."""
    dice = states.dice("fault")
    collapse(
        states, onset(states.time, dice, (0.0, 0.3), (0.05, 0.3)), dice.log_uniform(1e-4, 0.05)
    )
    return _companions(states)


@fault(
    "collapse/late-onset", Wish((*TWO_VIEWS, "dino"), shortest=60), shows=((*SPREAD, "rankme_z"),)
)
def late_onset(states: States) -> tuple[str, ...]:
    """Healthy for half the run or more, then the spread falls within a few percent of it."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.5, 0.9), (0.01, 0.06))
    collapse(states, weight, dice.log_uniform(1e-3, 0.15))
    return ("collapse/complete", *_companions(states))


@fault(
    "collapse/dimensional", Wish(("simclr", "mocov2", "byol", "simsiam", "vicreg")), shows=(RANK,)
)
def dimensional(states: States) -> tuple[str, ...]:
    """The effective rank falls to a few percent of its maximum; samples still differ."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.3), (0.05, 0.4))
    states.rank = towards(states.rank, dice.log_uniform(0.005, 0.08), weight)
    states.correlation = towards(states.correlation, dice.uniform(0.1, 0.4), weight)
    states.quality = states.quality * (1 - weight * dice.uniform(0.3, 0.7))
    return ("collapse/redundant-dimensions", "collapse/steep-spectrum")


@fault(
    "collapse/dead-dimensions",
    Wish(("vicreg", "barlow", "simclr", "byol")),
    shows=(("dead_dims",),),
)
def dead_dimensions(states: States) -> tuple[str, ...]:
    """A share of the dimensions stops varying; the others work."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.3), (0.02, 0.4))
    states.dead = towards(states.dead, dice.uniform(0.15, 0.8), weight)
    states.rank = states.rank * (1 - states.dead)
    states.scale = states.scale * (1 - states.dead)
    states.quality = states.quality * (1 - states.dead * dice.uniform(0.1, 0.6))
    return ("collapse/dimensional",)


@fault("collapse/redundant-dimensions", Wish(("vicreg", "simclr", "byol", "simsiam")),
       shows=(("offdiag_corr", "term/cov"),), tells=("lambda_cov",))  # fmt: skip
def redundant_dimensions(states: States) -> tuple[str, ...]:
    """Dimensions are alive but highly correlated; without a covariance term nothing stops it."""
    dice = states.dice("fault")
    if states.setting.method == "vicreg":
        states.setting.config["lambda_cov"] = dice.pick((0.0, 0.0, 0.001, 0.01))
    weight = onset(states.time, dice, (0.0, 0.2), (0.1, 0.5))
    states.correlation = towards(states.correlation, dice.uniform(0.25, 0.9), weight)
    states.rank = towards(states.rank, dice.uniform(0.01, 0.15), weight)
    states.quality = states.quality * (1 - weight * dice.uniform(0.2, 0.6))
    return ("collapse/dimensional",)


@fault("collapse/scale-shrinkage", Wish(("byol", "simsiam", "simclr", "ijepa", "data2vec")),
       shows=(("raw_std", "feat_norm"), SPREAD))  # fmt: skip
def scale_shrinkage(states: States) -> tuple[str, ...]:
    """The raw spread shrinks by 10 to 10,000 times while directions stay diverse."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.3), (0.2, 0.6))
    states.scale = states.scale * dice.log_uniform(1e-4, 0.1) ** weight
    return ()


@fault("collapse/rank-peaks-then-decays",
       Wish(("dino", "vicreg", "simclr", "ijepa"), shortest=100), shows=(RANK,))  # fmt: skip
def rank_peaks(states: States) -> tuple[str, ...]:
    """The rank rises to a peak in mid-run and then slowly loses 30 to 80 percent."""
    dice = states.dice("fault")
    peak = dice.uniform(0.2, 0.6)
    top = float(states.rank.max())
    rise = states.rank[0] + (top - states.rank[0]) * ramp(states.time, 0, peak)
    fall = ramp(states.time, peak, 1.3 - peak) / float(ramp(np.ones(1), peak, 1.3 - peak)[0])
    states.rank = rise * (1 - dice.uniform(0.3, 0.8) * fall)
    states.quality = states.quality * (1 - dice.uniform(0.05, 0.3) * fall)
    return ("collapse/dimensional",)


@fault("collapse/constant-output-at-init", Wish(("simclr", "byol", "simsiam", "vicreg", "mocov3")),
       shows=((*SPREAD, "raw_std"),))  # fmt: skip
def constant_from_start(states: States) -> tuple[str, ...]:
    """The output never had variance: spread below .01 from the first point on."""
    dice = states.dice("fault")
    collapse(states, np.ones(states.n), dice.log_uniform(1e-6, 0.01))
    return ("collapse/complete", "loss/no-gradient-path", *_companions(states))
