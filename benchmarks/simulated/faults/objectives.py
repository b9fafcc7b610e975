"""Faults of clustering, redundancy reduction, masked prediction and joint-embedding prediction."""

from __future__ import annotations

import numpy as np

from benchmarks.simulated.curves import towards
from benchmarks.simulated.faults.registry import fault
from benchmarks.simulated.levels import draw_levels, value
from benchmarks.simulated.setting import Wish
from benchmarks.simulated.states import States, collapse, onset


@fault("cluster/uniform-assignment", Wish(("swav",)))
def uniform_assignment(states: States) -> tuple[str, ...]:
    """Features coincide, the balanced assignment is uniform: the loss stays at ln K."""
    dice = states.dice("fault")
    states.levels.end = states.levels.start
    collapse(
        states, onset(states.time, dice, (0.0, 0.02), (0.0, 0.1)), dice.log_uniform(1e-4, 0.05)
    )
    states.quality = states.quality * 0
    return ("collapse/complete",)


@fault("cluster/single-cluster", Wish(("swav",)), shows=(("proto_perplexity", "proto_max_share"),))
def single_cluster(states: States) -> tuple[str, ...]:
    """One prototype takes most images; the loss falls far because the answer is known."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.3), (0.02, 0.3))
    share = dice.uniform(0.4, 1.0) * states.setting.number("prototypes")
    states.top_share = towards(states.top_share, share, weight)
    states.levels.end = states.levels.chance * dice.uniform(0.01, 0.2)
    states.quality = states.quality * (1 - weight * dice.uniform(0.4, 0.9))
    return ("collapse/complete", "distill/centering-missing")


@fault("redundancy/variance-weight-too-low", Wish(("vicreg",)),
       shows=(("raw_std", "term/var"),), tells=("lambda_var",))  # fmt: skip
def variance_weight_too_low(states: States) -> tuple[str, ...]:
    """The hinge loses to invariance: the standard deviation settles far below its target."""
    dice = states.dice("fault")
    weight = float(f"{dice.log_uniform(0.01, 2.5):.2g}")
    states.setting.config["lambda_var"] = weight
    shrink = onset(states.time, dice, (0.0, 0.1), (0.05, 0.4))
    if weight < 0.5:
        states.spread = towards(states.spread, dice.uniform(0.03, 0.6), shrink)
    states.quality = states.quality * (1 - shrink * dice.uniform(0.3, 0.8))
    states.levels = draw_levels(states.setting)
    return ("collapse/complete", "collapse/scale-shrinkage", "loss/one-term-dominates")


@fault("redundancy/missing-invariance-term", Wish(("vicreg",)),
       shows=(("term/inv", "pos_sim", "align"),), tells=("lambda_inv",))  # fmt: skip
def missing_invariance(states: States) -> tuple[str, ...]:
    """Nothing ties the views together: variance is perfect, invariance at that of strangers."""
    dice = states.dice("fault")
    states.setting.config["lambda_inv"] = dice.pick((0.0, 0.0, 0.001, 0.01, 0.1))
    weight = onset(states.time, dice, (0.0, 0.05), (0.02, 0.3))
    states.agreement = towards(states.agreement, dice.uniform(0.0, 0.25), weight)
    states.quality = states.quality * dice.uniform(0, 0.1)
    return ("loss/one-term-dominates",)


@fault("masked/predicts-mean", Wish(("mae",)))
def predicts_mean(states: States) -> tuple[str, ...]:
    """The reconstruction of normalised patches stops at their variance, (n - 1)/n."""
    dice = states.dice("fault")
    levels, chance = states.levels, value(states.setting, "mae", "chance")
    levels.convention, levels.chance, levels.collapsed = "", chance, chance
    levels.start = chance * dice.uniform(1.0, 1.3)
    levels.end = chance * dice.uniform(0.975, 1.0)
    states.learnt = 1 - np.exp(-states.time / dice.uniform(0.005, 0.05))
    states.noise = states.noise * 0.3
    states.quality = states.quality * dice.uniform(0, 0.15)
    return ("loss/plateau-early", "optim/undertrained")


@fault("jepa/target-collapse", Wish(("ijepa", "data2vec")))
def target_collapse(states: States) -> tuple[str, ...]:
    """Targets become constant: loss and target variance go to nearly 0."""
    dice = states.dice("fault")
    weight = onset(states.time, dice, (0.0, 0.3), (0.03, 0.4))
    collapse(states, weight, dice.log_uniform(1e-3, 0.03))
    return ("collapse/complete", "distill/no-stop-gradient", "loss/too-low-too-fast")


@fault("loss/one-term-dominates", Wish(("vicreg", "vicreg", "lejepa")),
       tells=("lambda_inv", "lambda_var", "lambda_cov"))  # fmt: skip
def one_term_dominates(states: States) -> tuple[str, ...]:
    """One weighted term makes up nearly all of the loss; the others are not optimised."""
    dice, config = states.dice("fault"), states.setting.config
    states.quality = states.quality * dice.uniform(0.1, 0.5)
    if states.setting.method == "lejepa":
        states.must_log += ["term/pred", "term/reg"]
        config["lambda_reg"] = dice.pick((0.97, 0.98, 0.99))
        return ("redundancy/missing-invariance-term",)
    # A large weight on either other term shrinks the scale until the hinge is all that is left.
    states.must_log += ["term/inv", "term/var", "term/cov"]
    if dice.chance(0.6):
        config["lambda_inv"] = dice.pick((5000.0, 10000.0))
    else:
        config["lambda_cov"] = dice.pick((3000.0, 10000.0))
    return ("redundancy/variance-weight-too-low", "collapse/scale-shrinkage")
