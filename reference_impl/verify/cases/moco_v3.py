"""MoCo v3: both directions against the batch's keys, in three scalings."""

from __future__ import annotations

from functools import partial

from kb.closed_forms import form
from reference_impl.methods.moco_v3 import Convention, moco_v3_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Relation, Tensors
from reference_impl.verify.clouds import SMALL, constant, ideal, two_sides, unrelated
from reference_impl.verify.relations import (
    mispaired,
    permuted,
    rotated,
    rows_scaled,
    shifted,
    swapped,
)
from reference_impl.verify.transcriptions.queue import moco_v3

_QUERIES = ("query_1", "query_2")
_KEYS = ("key_1", "key_2")
_ALL = (*_QUERIES, *_KEYS)
_TEMPERATURE = 0.2
_SOURCE = (
    "arXiv:2104.02057 Algorithm 1; "
    "gh:facebookresearch/moco-v3@c349e6e24f40d3fedb22d973f92defa4cedf37a7:moco/builder.py"
)


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    return moco_v3_loss(
        (tensors["query_1"], tensors["query_2"]),
        (tensors["key_1"], tensors["key_2"]),
        temperature=_TEMPERATURE,
        convention=convention,
    )


def _truth(factor: float, arrays: Arrays) -> float:
    queries = (arrays["query_1"], arrays["query_2"])
    return factor * moco_v3(queries, (arrays["key_1"], arrays["key_2"]), _TEMPERATURE)


def _known() -> tuple[Known, ...]:
    of = {"temperature": _TEMPERATURE}
    return (
        Known(
            "collapse(moco_v3) at B = 32",
            constant(32, 8, _ALL),
            form("moco_v3", "collapse").value(batch_size=32, **of),
            still=True,
        ),
        Known(
            "floor(moco_v3) on a simplex",
            ideal(32, _ALL),
            form("moco_v3", "floor").value(batch_size=32, **of),
        ),
        Known(
            "start(moco_v3)",
            unrelated(256, 512, _ALL),
            form("moco_v3", "start").value(batch_size=256, dim=512, **of),
            tolerance=0.02,
        ),
    )


_RELATIONS: tuple[Relation, ...] = (
    permuted(*_ALL),
    mispaired("key_1"),
    swapped(_QUERIES, _KEYS),
    rows_scaled(*_ALL),
    rotated(*_ALL),
    shifted(*_ALL, same=False),
)


def _case(convention: Convention, factor: float, known: tuple[Known, ...] = ()) -> Case:
    return Case(
        "moco_v3",
        f"moco_v3 {convention}",
        _SOURCE,
        tuple(two_sides(batch, dim, _QUERIES, _KEYS) for batch, dim in SMALL),
        partial(_ours, convention),
        partial(_truth, factor),
        moving=_QUERIES,
        stopped=_KEYS,
        known=known,
        relations=_RELATIONS,
        half_scale=300.0,
    )


CASES = (
    _case("official", 1.0, _known()),
    _case("unscaled", 1 / (2 * _TEMPERATURE)),
    _case("mean", 1 / (4 * _TEMPERATURE)),
)
