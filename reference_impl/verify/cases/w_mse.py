"""W-MSE: unit vectors, plain distances, and the symmetric root of stable-pretraining."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from reference_impl.methods.w_mse import Convention, w_mse_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.clouds import normal
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import mispaired, scaled, shifted, swapped
from reference_impl.verify.transcriptions import whitening

_VIEWS = ("first", "second", "third")
_CODE = "gh:htdt/self-supervised@d9662c8d07dafd194a9045375f4f6aa09f5b03e9:methods/w_mse.py"
_FLOOR = 1e-3


def _draw(batch: int, dim: int, *, alike: bool = True) -> Draw:
    """Return three views and a random order of the batch, to be cut into slices."""

    def draw(rng: Generator) -> Arrays:
        scale = np.geomspace(0.3, 2.0, dim)
        shared = normal(rng, batch, dim) + 0.3 if alike else np.zeros((batch, dim))
        views = {name: scale * (shared + 0.5 * normal(rng, batch, dim)) for name in _VIEWS}
        return {**views, "order": rng.permutation(batch)}

    return draw


def _all_the_same(rng: Generator) -> Arrays:
    view = normal(rng, 24, 5)
    return {**{name: view.copy() for name in _VIEWS}, "order": np.arange(24)}


def _ours(convention: Convention, size: int, eps: float, tensors: Tensors) -> Tensor:
    views = [tensors[name] for name in _VIEWS]
    orders = tensors["order"][None]
    return w_mse_loss(views, orders, slice_size=size, eps=eps, convention=convention)


def _truth(unit_length: bool, size: int, eps: float, arrays: Arrays) -> float:
    slices = arrays["order"].reshape(-1, size).tolist()
    views = [arrays[name] for name in _VIEWS]
    return whitening.w_mse(views, slices, eps, unit_length=unit_length)


def _truth_symmetric(arrays: Arrays) -> float:
    return whitening.w_mse_symmetric([arrays[name] for name in _VIEWS], _FLOOR)


def _lightly(tensors: Tensors) -> Tensor:
    rows = torch.cat([tensors[name] for name in _VIEWS])
    loss = lightly_loss("WMSELoss")(
        embedding_dim=rows.shape[1],
        track_running_stats=False,
        w_size=len(tensors["order"]),
        num_samples=len(_VIEWS),
    )
    value: Tensor = loss(rows)
    return value


_RELATIONS = (
    swapped(_VIEWS[:2]),
    mispaired("second"),
    scaled(*_VIEWS),
    shifted(*_VIEWS),
)
_SAME = Known("floor: identical views", _all_the_same, 0.0)

CASES = (
    Case(
        "w_mse",
        "w_mse official",
        _CODE,
        (_draw(24, 5), _draw(36, 4)),
        partial(_ours, "official", 12, 0.0),
        partial(_truth, True, 12, 0.0),
        moving=_VIEWS,
        known=(
            _SAME,
            Known("unrelated views", _draw(1200, 5, alike=False), 2.0, tolerance=0.02),
        ),
        relations=_RELATIONS,
    ),
    Case(
        "w_mse",
        "w_mse official, one slice",
        _CODE,
        (_draw(24, 5),),
        partial(_ours, "official", 24, 0.0),
        partial(_truth, True, 24, 0.0),
        moving=_VIEWS,
        known=(_SAME,),
        relations=_RELATIONS,
        peer=Peer("lightly", _lightly),
    ),
    Case(
        "w_mse",
        "w_mse shrunk, eps 0.1",
        _CODE,
        (_draw(24, 5),),
        partial(_ours, "official", 12, 0.1),
        partial(_truth, True, 12, 0.1),
        moving=_VIEWS,
    ),
    Case(
        "w_mse",
        "w_mse euclidean",
        f"{_CODE}, without --norm",
        (_draw(24, 5),),
        partial(_ours, "euclidean", 12, 0.0),
        partial(_truth, False, 12, 0.0),
        moving=_VIEWS,
        known=(_SAME,),
        relations=_RELATIONS,
    ),
    Case(
        "w_mse",
        "w_mse stable-pretraining",
        "stable-pretraining W-MSE",
        (_draw(24, 5),),
        partial(_ours, "stable_pretraining", 24, _FLOOR),
        _truth_symmetric,
        moving=_VIEWS,
        known=(_SAME,),
    ),
)
