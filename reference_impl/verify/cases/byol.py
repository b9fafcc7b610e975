"""BYOL: the distance of unit vectors, added and averaged in four ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kb.closed_forms import form
from reference_impl.methods.byol import Convention, byol_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Peer, Tensors
from reference_impl.verify.clouds import SMALL, constant, two_sides, unrelated
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import mispaired, permuted, rotated, rows_scaled, swapped
from reference_impl.verify.transcriptions.prediction import byol

_PREDICTIONS = ("prediction_1", "prediction_2")
_TARGETS = ("target_1", "target_2")
_ALL = (*_PREDICTIONS, *_TARGETS)
_RELATIONS = (
    permuted(*_ALL),
    mispaired("target_1"),
    swapped(_PREDICTIONS, _TARGETS),
    rows_scaled(*_ALL),
    rotated(*_ALL),
)


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    predictions = (tensors["prediction_1"], tensors["prediction_2"])
    return byol_loss(predictions, (tensors["target_1"], tensors["target_2"]), convention=convention)


def _both(arrays: Arrays) -> float:
    predictions = (arrays["prediction_1"], arrays["prediction_2"])
    return byol(predictions, (arrays["target_1"], arrays["target_2"]))


def _mean(arrays: Arrays) -> float:
    return _both(arrays) / 2


def _mse(arrays: Arrays) -> float:
    return _both(arrays) / (2 * len(arrays["target_1"][0]))


def _cosine(arrays: Arrays) -> float:
    return _both(arrays) / 4 - 1


def _lightly(tensors: Tensors) -> Tensor:
    loss = lightly_loss("NegativeCosineSimilarity")()
    one_way = loss(tensors["prediction_1"], tensors["target_2"].detach())
    value: Tensor = (one_way + loss(tensors["prediction_2"], tensors["target_1"].detach())) / 2
    return value


def _known(name: str) -> tuple[Known, ...]:
    return (
        Known(
            f"collapse({name})", constant(16, 8, _ALL), form(name, "collapse").value(), still=True
        ),
        Known(
            f"chance({name})",
            unrelated(512, 256, _ALL),
            form(name, "chance").value(dim=256),
            tolerance=0.02,
        ),
    )


def _case(
    name: str,
    convention: Convention,
    truth: Callable[[Arrays], float],
    known: tuple[Known, ...],
    peer: Peer | None,
) -> Case:
    return Case(
        "byol",
        name,
        "arXiv:2006.07733 Eq. 2",
        tuple(two_sides(batch, dim, _PREDICTIONS, _TARGETS) for batch, dim in SMALL),
        partial(_ours, convention),
        truth,
        moving=_PREDICTIONS,
        stopped=_TARGETS,
        known=known,
        relations=_RELATIONS,
        peer=peer,
        half_scale=300.0,
    )


CASES = (
    _case("byol official", "official", _both, _known("byol.sum2"), None),
    _case("byol mean", "mean", _mean, _known("byol"), None),
    _case("byol mse", "mse", _mse, _known("byol.mse"), None),
    _case("byol cosine", "cosine", _cosine, _known("simsiam"), Peer("lightly", _lightly)),
)
