"""CLIP: both directions of a batch of pairs, and its learnt scale."""

from __future__ import annotations

import numpy as np

from kb.closed_forms import form
from reference_impl.losses.partition import log_partitions
from reference_impl.losses.precision import unit_rows
from reference_impl.methods.clip import clip_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Known, Tensors
from reference_impl.verify.clouds import SMALL, constant, ideal, pair, unrelated
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions.pairs import clip

_SIDES = ("images", "texts")
_SCALE = {"scale": np.array(1 / 0.07)}
"""The scale at the start of training: exp(t) = 1/0.07 (arXiv:2103.00020 section 2.5)."""


def _with_scale(views: Draw) -> Draw:
    return lambda rng: {**views(rng), **_SCALE}


def _ours(tensors: Tensors) -> Tensor:
    return clip_loss(tensors["images"], tensors["texts"], tensors["scale"])


def _in_tiles(tensors: Tensors) -> Tensor:
    """The same loss in tiles of 5, so that a batch has many of them, cut ones among them."""
    images, texts = unit_rows(tensors["images"]), unit_rows(tensors["texts"])
    over_texts, over_images = log_partitions(images, texts, tensors["scale"], side=5)
    matches = tensors["scale"] * (images * texts).sum(1)
    return ((over_texts + over_images) / 2 - matches).mean()


def _truth(arrays: Arrays) -> float:
    return clip(arrays["images"], arrays["texts"], float(arrays["scale"]))


_DRAWS = tuple(_with_scale(pair(batch, dim, names=_SIDES)) for batch, dim in SMALL)

CASES = (
    Case(
        "clip",
        "clip",
        "arXiv:2103.00020 Figure 3",
        _DRAWS,
        _ours,
        _truth,
        moving=(*_SIDES, "scale"),
        known=(
            Known(
                "collapse(info_nce) at B = 32",
                constant(32, 8, _SIDES, extra=_SCALE),
                form("info_nce", "collapse").value(batch_size=32),
                still=True,
            ),
            Known(
                "floor(info_nce) on a simplex",
                ideal(32, _SIDES, extra=_SCALE),
                form("info_nce", "floor").value(batch_size=32, temperature=0.07),
            ),
            Known(
                "start(info_nce)",
                _with_scale(unrelated(256, 512, _SIDES)),
                form("info_nce", "start").value(batch_size=256, temperature=0.07, dim=512),
                tolerance=0.02,
            ),
        ),
        relations=(
            permuted(*_SIDES),
            mispaired("texts"),
            swapped(_SIDES),
            rows_scaled(*_SIDES),
            rotated(*_SIDES),
            shifted(*_SIDES, same=False),
        ),
        half_scale=300.0,
    ),
    Case(
        "clip",
        "clip in tiles",
        "arXiv:2103.00020 Figure 3",
        _DRAWS,
        _in_tiles,
        _truth,
        moving=(*_SIDES, "scale"),
    ),
)
