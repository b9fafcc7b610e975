"""SimSiam: the negative cosine of both directions, with and without the stop-gradient."""

from __future__ import annotations

from functools import partial

from kb.closed_forms import form
from reference_impl.methods.simsiam import simsiam_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Peer, Tensors
from reference_impl.verify.clouds import SMALL, constant, two_sides, unrelated
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import mispaired, permuted, rotated, rows_scaled, swapped
from reference_impl.verify.transcriptions.prediction import simsiam

_PREDICTIONS = ("prediction_1", "prediction_2")
_TARGETS = ("target_1", "target_2")
_ALL = (*_PREDICTIONS, *_TARGETS)
_SOURCE = "arXiv:2011.10566 Eq. 1 and 2"
_DRAWS = tuple(two_sides(batch, dim, _PREDICTIONS, _TARGETS) for batch, dim in SMALL)
_RELATIONS = (
    permuted(*_ALL),
    mispaired("target_2"),
    rows_scaled(*_ALL),
    rotated(*_ALL),
)


def _ours(stop_gradient: bool, symmetric: bool, tensors: Tensors) -> Tensor:
    return simsiam_loss(
        (tensors["prediction_1"], tensors["prediction_2"]),
        (tensors["target_1"], tensors["target_2"]),
        stop_gradient=stop_gradient,
        symmetric=symmetric,
    )


def _truth(arrays: Arrays) -> float:
    predictions = (arrays["prediction_1"], arrays["prediction_2"])
    return simsiam(predictions, (arrays["target_1"], arrays["target_2"]))


def _truth_one_way(arrays: Arrays) -> float:
    """Both directions of the symmetric loss made the same one."""
    predictions = (arrays["prediction_1"], arrays["prediction_1"])
    return simsiam(predictions, (arrays["target_2"], arrays["target_2"]))


def _lightly(tensors: Tensors) -> Tensor:
    loss = lightly_loss("NegativeCosineSimilarity")()
    one_way = loss(tensors["prediction_1"], tensors["target_2"].detach())
    value: Tensor = (one_way + loss(tensors["prediction_2"], tensors["target_1"].detach())) / 2
    return value


_KNOWN = (
    Known(
        "collapse(simsiam)",
        constant(16, 8, _ALL),
        form("simsiam", "collapse").value(),
        still=True,
    ),
    Known(
        "chance(simsiam)",
        unrelated(512, 256, _ALL),
        form("simsiam", "chance").value(),
        tolerance=0.02,
    ),
)

CASES = (
    Case(
        "simsiam",
        "simsiam",
        _SOURCE,
        _DRAWS,
        partial(_ours, True, True),
        _truth,
        moving=_PREDICTIONS,
        stopped=_TARGETS,
        known=_KNOWN,
        relations=(*_RELATIONS, swapped(_PREDICTIONS, _TARGETS)),
        peer=Peer("lightly", _lightly),
        half_scale=300.0,
    ),
    Case(
        "simsiam",
        "simsiam without stop-gradient",
        _SOURCE,
        _DRAWS,
        partial(_ours, False, True),
        _truth,
        moving=_ALL,
        known=_KNOWN,
        relations=(*_RELATIONS, swapped(_PREDICTIONS, _TARGETS)),
        half_scale=300.0,
    ),
    Case(
        "simsiam",
        "simsiam one direction",
        "arXiv:2011.10566 section 4.6",
        _DRAWS,
        partial(_ours, True, False),
        _truth_one_way,
        moving=_PREDICTIONS,
        stopped=_TARGETS,
        relations=_RELATIONS,
        half_scale=300.0,
    ),
)
