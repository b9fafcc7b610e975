"""SigLIP: a sigmoid for every image with every text, and its learnt scale and bias."""

from __future__ import annotations

import math

import numpy as np

from kb.closed_forms import form
from reference_impl.losses.pair_sigmoid import pair_sigmoid
from reference_impl.losses.precision import unit_rows
from reference_impl.methods.siglip import siglip_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Tensors
from reference_impl.verify.clouds import SMALL, constant, pair, zero
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions.pairs import siglip

_SIDES = ("images", "texts")
_START = {"scale": np.array(10.0), "bias": np.array(-10.0)}
"""arXiv:2303.15343 section 3.1."""


def _with(views: Draw, settings: Arrays) -> Draw:
    return lambda rng: {**views(rng), **settings}


def _orthogonal(rng: Generator) -> Arrays:
    """32 images and 32 texts, all at right angles."""
    rotation, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    return {"images": rotation[:32], "texts": rotation[32:], **_START}


def _certain(_rng: Generator) -> Arrays:
    rows = np.eye(16)
    return {
        "images": rows,
        "texts": rows.copy(),
        "scale": np.array(100.0),
        "bias": np.array(-50.0),
    }


def _ours(tensors: Tensors) -> Tensor:
    names = ("images", "texts", "scale", "bias")
    images, texts, scale, bias = (tensors[name] for name in names)
    return siglip_loss(images, texts, scale, bias)


def _in_tiles(tensors: Tensors) -> Tensor:
    """The same loss in tiles of 5, so that a batch has many of them, cut ones among them."""
    images, texts = unit_rows(tensors["images"]), unit_rows(tensors["texts"])
    sums = pair_sigmoid(images, texts, tensors["scale"], tensors["bias"], side=5)
    return sums.mean()


def _truth(arrays: Arrays) -> float:
    scale, bias = float(arrays["scale"]), float(arrays["bias"])
    return siglip(arrays["images"], arrays["texts"], scale, bias)


def _constant_logit(logit: float) -> Arrays:
    return {"scale": np.array(0.0), "bias": np.array(logit)}


_DRAWS = tuple(_with(pair(batch, dim, names=_SIDES), _START) for batch, dim in SMALL)

CASES = (
    Case(
        "siglip",
        "siglip",
        "arXiv:2303.15343 Algorithm 1",
        _DRAWS,
        _ours,
        _truth,
        moving=(*_SIDES, "scale", "bias"),
        known=(
            Known(
                "start(siglip) of orthogonal rows",
                _orthogonal,
                form("siglip", "start").value(batch_size=32),
            ),
            Known(
                "chance(siglip): the best constant logit",
                constant(32, 8, _SIDES, extra=_constant_logit(-math.log(31))),
                form("siglip", "chance").value(batch_size=32),
            ),
            Known(
                "chance(siglip.zero_logits)",
                _with(zero(32, 8, _SIDES), _constant_logit(0.0)),
                form("siglip.zero_logits", "chance").value(batch_size=32),
            ),
            Known("floor(siglip)", _certain, form("siglip", "floor").value()),
        ),
        relations=(
            permuted(*_SIDES),
            mispaired("texts"),
            swapped(_SIDES),
            rows_scaled(*_SIDES),
            rotated(*_SIDES),
            shifted(*_SIDES, same=False),
        ),
    ),
    Case(
        "siglip",
        "siglip in tiles",
        "arXiv:2303.15343 Algorithm 1",
        _DRAWS,
        _in_tiles,
        _truth,
        moving=(*_SIDES, "scale", "bias"),
    ),
)
