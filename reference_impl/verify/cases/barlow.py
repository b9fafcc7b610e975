"""Barlow Twins in its four ways to standardise, and in the scaled version of other trainers."""

from __future__ import annotations

from functools import partial

from kb.closed_forms import form
from reference_impl.methods.barlow import Convention, barlow_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Peer, Tensors
from reference_impl.verify.clouds import constant, pairs, rank_one, unrelated, whitened
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions.redundancy import Divisor, barlow

_VIEWS = ("first", "second")
_LAMBDA = 0.0051
_SCALE = 0.024
_RELATIONS = (
    permuted(*_VIEWS),
    mispaired("second"),
    swapped(_VIEWS),
    shifted(*_VIEWS),
    rotated(*_VIEWS, same=False),
)
_SCALE_FREE = (*_RELATIONS, scaled(*_VIEWS))
"""Without an epsilon the scale cannot matter."""


def _ours(convention: Convention, scale: float, tensors: Tensors) -> Tensor:
    first, second = tensors["first"], tensors["second"]
    return barlow_loss(first, second, lambda_cov=_LAMBDA, scale=scale, convention=convention)


def _truth(divisor: Divisor, scale: float, arrays: Arrays) -> float:
    return scale * barlow(arrays["first"], arrays["second"], _LAMBDA, divisor)


def _lightly(tensors: Tensors) -> Tensor:
    loss = lightly_loss("BarlowTwinsLoss")(lambda_param=_LAMBDA)
    value: Tensor = loss(tensors["first"], tensors["second"])
    return value


def _known(name: str) -> tuple[Known, ...]:
    def value(of: str, quantity: str, **config: float) -> float:
        return form(of, quantity).value(lambda_cov=_LAMBDA, **config)

    rank_one_name = f"{name}_rank_one" if "." in name else f"{name}.rank_one"
    return (
        Known(f"collapse({name})", constant(16, 8, _VIEWS), value(name, "collapse", dim=8)),
        Known(
            f"collapse({rank_one_name})",
            rank_one(16, 8, _VIEWS),
            value(rank_one_name, "collapse", dim=8),
            # BatchNorm's epsilon holds every correlation 1e-5 below 1.
            tolerance=1e-4,
        ),
        Known(
            f"chance({name})",
            unrelated(512, 64, _VIEWS),
            value(name, "chance", batch_size=512, dim=64),
            tolerance=0.02,
        ),
        Known(
            f"floor({name}) at N = 9, D = 24",
            whitened(9, 24, _VIEWS),
            value(name, "floor", batch_size=9, dim=24),
            tolerance=1e-4,
        ),
    )


def _case(name: str, source: str, convention: Convention, divisor: Divisor) -> Case:
    return Case(
        "barlow",
        name,
        source,
        pairs(),
        partial(_ours, convention, 1.0),
        partial(_truth, divisor, 1.0),
        moving=_VIEWS,
        relations=_RELATIONS if convention == "stable_pretraining" else _SCALE_FREE,
    )


_OFFICIAL = "gh:facebookresearch/barlowtwins@8e8d284ca0bc02f88b92328e53f9b901e86b4a3c:main.py"

CASES = (
    Case(
        "barlow",
        "barlow official",
        _OFFICIAL,
        pairs(),
        partial(_ours, "official", 1.0),
        partial(_truth, "batch_norm", 1.0),
        moving=_VIEWS,
        known=_known("barlow"),
        relations=_RELATIONS,
        peer=Peer("lightly", _lightly),
    ),
    Case(
        "barlow",
        "barlow scaled",
        f"{_OFFICIAL}; scale_loss 0.024 of VISSL and solo-learn",
        pairs(),
        partial(_ours, "official", _SCALE),
        partial(_truth, "batch_norm", _SCALE),
        moving=_VIEWS,
        known=_known("barlow.scaled024"),
        relations=_RELATIONS,
    ),
    _case("barlow paper", "arXiv:2103.03230 Eq. 2", "paper", "biased"),
    _case("barlow algorithm", "arXiv:2103.03230 Algorithm 1", "algorithm", "unbiased"),
    _case(
        "barlow stable-pretraining",
        "stable-pretraining BarlowTwinsLoss",
        "stable_pretraining",
        "unbiased_plus_eps",
    ),
)
