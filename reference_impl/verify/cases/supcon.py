"""SupCon: positives outside and inside the logarithm, with and without the base temperature."""

from __future__ import annotations

from functools import partial

import numpy as np

from kb.closed_forms import form
from reference_impl.methods.supcon import BASE_TEMPERATURE, Convention, supcon_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Known, Peer, Tensors
from reference_impl.verify.clouds import SMALL, constant, ideal, pair
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions.contrastive import nt_xent, sup_con

_VIEWS = ("first", "second")
_TEMPERATURE = 0.2
_CODE = "gh:HobbitLong/SupContrast@66a8fe53880d6a1084b2e4e0db0a019024d6d41a:losses.py"
_RELATIONS = (
    permuted(*_VIEWS, "labels"),
    swapped(_VIEWS),
    mispaired("labels"),
    rows_scaled(*_VIEWS),
    rotated(*_VIEWS),
    shifted(*_VIEWS, same=False),
)


def _draw(batch: int, dim: int, classes: int | None) -> Draw:
    """Return views with labels of that many classes; None gives each image its own."""
    views = pair(batch, dim)
    labels = np.arange(batch) if classes is None else np.arange(batch) % classes
    return lambda rng: {**views(rng), "labels": labels}


def _ours(convention: Convention, base: float | None, tensors: Tensors) -> Tensor:
    return supcon_loss(
        tensors["first"],
        tensors["second"],
        tensors["labels"],
        temperature=_TEMPERATURE,
        convention=convention,
        base_temperature=base,
    )


def _truth(convention: Convention, base: float | None, arrays: Arrays) -> float:
    views = (arrays["first"], arrays["second"])
    return sup_con(views, arrays["labels"], _TEMPERATURE, joined=convention, base_temperature=base)


def _truth_distinct(arrays: Arrays) -> float:
    return nt_xent(arrays["first"], arrays["second"], _TEMPERATURE)


def _lightly_distinct(tensors: Tensors) -> Tensor:
    """NT-Xent, which the loss of distinct labels is: lightly has no loss with labels."""
    loss = lightly_loss("NTXentLoss")(temperature=_TEMPERATURE)
    value: Tensor = loss(tensors["first"], tensors["second"])
    return value


def _case(name: str, source: str, convention: Convention) -> Case:
    return Case(
        "supcon",
        name,
        source,
        tuple(_draw(batch, dim, 3) for batch, dim in SMALL),
        partial(_ours, convention, None),
        partial(_truth, convention, None),
        moving=_VIEWS,
        relations=_RELATIONS,
        half_scale=300.0,
    )


_DISTINCT = {"labels": np.arange(32)}

CASES = (
    _case("supcon out", "arXiv:2004.11362 Eq. 2", "out"),
    _case("supcon in", "arXiv:2004.11362 Eq. 3", "in"),
    _case("supcon in_sum", "solo-learn simclr_loss_func", "in_sum"),
    Case(
        "supcon",
        "supcon with base temperature",
        _CODE,
        tuple(_draw(batch, dim, 3) for batch, dim in SMALL),
        partial(_ours, "out", BASE_TEMPERATURE),
        partial(_truth, "out", BASE_TEMPERATURE),
        moving=_VIEWS,
        known=(
            Known(
                "collapse(nt_xent.supcon) at B = 32",
                constant(32, 8, _VIEWS, extra=_DISTINCT),
                form("nt_xent.supcon", "collapse").value(batch_size=32, temperature=_TEMPERATURE),
                still=True,
            ),
            Known(
                "floor(nt_xent.supcon) on a simplex",
                ideal(32, _VIEWS, extra=_DISTINCT),
                form("nt_xent.supcon", "floor").value(batch_size=32, temperature=_TEMPERATURE),
            ),
        ),
        relations=_RELATIONS,
        half_scale=300.0,
    ),
    Case(
        "supcon",
        "supcon of distinct labels",
        "arXiv:2002.05709 Eq. 1: NT-Xent",
        tuple(_draw(batch, dim, None) for batch, dim in SMALL),
        partial(_ours, "out", None),
        _truth_distinct,
        moving=_VIEWS,
        known=(
            Known(
                "collapse(nt_xent) at B = 32",
                constant(32, 8, _VIEWS, extra=_DISTINCT),
                form("nt_xent", "collapse").value(batch_size=32),
                still=True,
            ),
        ),
        peer=Peer("lightly", _lightly_distinct),
        half_scale=300.0,
    ),
)
