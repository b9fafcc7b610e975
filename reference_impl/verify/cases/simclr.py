"""SimCLR: NT-Xent as mean and as sum, decoupled, and in tiles."""

from __future__ import annotations

from functools import partial

import torch

from kb.closed_forms import form
from reference_impl.losses.partition import log_partition_among
from reference_impl.losses.precision import unit_rows
from reference_impl.methods.simclr import Convention, nt_xent
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Peer, Tensors
from reference_impl.verify.clouds import constant, ideal, pairs, unrelated, zero
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions import contrastive

_VIEWS = ("first", "second")
_TEMPERATURE = 0.2
_SOURCE = "arXiv:2002.05709 Eq. 1"
_RELATIONS = (
    permuted(*_VIEWS),
    mispaired("second"),
    swapped(_VIEWS),
    rows_scaled(*_VIEWS),
    rotated(*_VIEWS),
    shifted(*_VIEWS, same=False),
)


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    first, second = tensors["first"], tensors["second"]
    return nt_xent(first, second, temperature=_TEMPERATURE, convention=convention)


def _decoupled(tensors: Tensors) -> Tensor:
    first, second = tensors["first"], tensors["second"]
    return nt_xent(first, second, temperature=_TEMPERATURE, decoupled=True)


def _in_tiles(tensors: Tensors) -> Tensor:
    """NT-Xent in tiles of 5, so that a batch has many of them, cut ones among them."""
    first, second = unit_rows(tensors["first"]), unit_rows(tensors["second"])
    levels = log_partition_among(torch.cat([first, second]), 1 / _TEMPERATURE, side=5)
    return levels.mean() - (first * second).sum(1).mean() / _TEMPERATURE


def _truth(arrays: Arrays) -> float:
    return contrastive.nt_xent(arrays["first"], arrays["second"], _TEMPERATURE)


def _truth_official(arrays: Arrays) -> float:
    return contrastive.nt_xent_official(arrays["first"], arrays["second"], _TEMPERATURE)


def _truth_decoupled(arrays: Arrays) -> float:
    return contrastive.decoupled(arrays["first"], arrays["second"], _TEMPERATURE)


def _lightly(name: str, tensors: Tensors) -> Tensor:
    value: Tensor = lightly_loss(name)(_TEMPERATURE)(tensors["first"], tensors["second"])
    return value


def _known(name: str) -> tuple[Known, ...]:
    at_32 = form(name, "chance").value(batch_size=32)
    floor = form(name, "floor").value(batch_size=32, temperature=_TEMPERATURE)
    start = form(name, "start").value(batch_size=256, temperature=_TEMPERATURE, dim=512)
    return (
        Known(f"collapse({name}) at B = 32", constant(32, 8, _VIEWS), at_32, still=True),
        Known(f"chance({name}) of zero outputs", zero(32, 8, _VIEWS), at_32),
        Known(f"floor({name}) on a simplex", ideal(32, _VIEWS), floor),
        Known(f"start({name})", unrelated(256, 512, _VIEWS), start, tolerance=0.01),
    )


CASES = (
    Case(
        "simclr",
        "nt_xent mean",
        _SOURCE,
        pairs(),
        partial(_ours, "mean"),
        _truth,
        moving=_VIEWS,
        known=_known("nt_xent"),
        relations=_RELATIONS,
        peer=Peer("lightly", partial(_lightly, "NTXentLoss")),
        half_scale=300.0,
    ),
    Case(
        "simclr",
        "nt_xent sum",
        "gh:google-research/simclr@383d4143fd8cf7879ae10f1046a9baeb753ff438:tf2/objective.py",
        pairs(),
        partial(_ours, "sum"),
        _truth_official,
        moving=_VIEWS,
        known=_known("nt_xent.sum2"),
        relations=_RELATIONS,
        half_scale=300.0,
    ),
    Case(
        "simclr",
        "nt_xent in tiles",
        _SOURCE,
        pairs(),
        _in_tiles,
        _truth,
        moving=_VIEWS,
        relations=_RELATIONS,
        half_scale=300.0,
    ),
    Case(
        "simclr",
        "decoupled",
        "arXiv:2110.06848 Eq. 6",
        pairs(),
        _decoupled,
        _truth_decoupled,
        moving=_VIEWS,
        known=_known("dcl"),
        relations=_RELATIONS,
        peer=Peer("lightly", partial(_lightly, "DCLLoss")),
        half_scale=300.0,
    ),
)
