"""SIGReg on given directions, and LeJEPA in its four conventions."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch

from kb.closed_forms import form
from reference_impl.methods.lejepa import Convention, lejepa_loss, sigreg
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Relation, Tensors
from reference_impl.verify.clouds import normal, unit_rows
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.transcriptions import gaussian

_WEIGHT = 0.05
_GLOBAL = 2
_SIGREG_CODE = (
    "gh:rbalestr-lab/lejepa@eddffdd857a19726342ef6526e01021fb3c32cae:"
    "lejepa/univariate/epps_pulley.py"
)


def _directions(rng: Generator, dim: int, slices: int) -> np.typing.NDArray[np.float64]:
    return unit_rows(normal(rng, slices, dim)).T


def _rows(batch: int, dim: int, *, factor: float = 1.3, slices: int = 6) -> Draw:
    return lambda rng: {
        "rows": factor * normal(rng, batch, dim) + (0.2 if factor != 1.0 else 0.0),
        "directions": _directions(rng, dim, slices),
    }


def _at_origin(rng: Generator) -> Arrays:
    return {"rows": np.zeros((64, 8)), "directions": _directions(rng, 8, 6)}


def _views(batch: int, dim: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shared = 1.2 * normal(rng, batch, dim) + 0.2
        views = shared + 0.6 * normal(rng, 4, batch, dim)
        return {"views": views, "directions": _directions(rng, dim, 6)}

    return draw


def _sigreg(tensors: Tensors) -> Tensor:
    return sigreg(tensors["rows"], tensors["directions"])


def _sigreg_truth(arrays: Arrays) -> float:
    return gaussian.sigreg(arrays["rows"], arrays["directions"])


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    return lejepa_loss(
        tensors["views"],
        tensors["directions"],
        weight=_WEIGHT,
        global_views=_GLOBAL,
        convention=convention,
    )


def _truth(convention: Convention, arrays: Arrays) -> float:
    if convention == "paper_text":
        return gaussian.lejepa_as_written(
            list(arrays["views"]), arrays["directions"], _WEIGHT, global_views=_GLOBAL
        )
    pools = convention == "stable_pretraining"
    return gaussian.lejepa(
        list(arrays["views"]),
        arrays["directions"],
        _WEIGHT,
        global_views=None if convention == "official" else _GLOBAL,
        pooled=pools,
        added=pools,
    )


def _sigreg_lightly(tensors: Tensors) -> Tensor:
    value: Tensor = _on(lightly_loss("SIGReg")(), tensors["directions"])(tensors["rows"])
    return value


def _lightly(tensors: Tensors) -> Tensor:
    loss = lightly_loss("LeJEPALoss")(lambda_param=_WEIGHT)
    _on(loss.sigreg, tensors["directions"])
    views = tensors["views"]
    value: Tensor = loss(global_proj=views[:_GLOBAL], local_proj=views[_GLOBAL:])
    return value


def _on(module: torch.nn.Module, directions: Tensor) -> torch.nn.Module:
    """Make lightly's SIGReg use these directions, in their precision and on their device."""
    module.to(device=directions.device, dtype=directions.dtype)
    module._generate_unit_vectors = lambda *_, **__: directions
    return module


def _shuffled(arrays: Arrays, rng: Generator) -> Arrays:
    order = rng.permutation(arrays["views"].shape[1])
    return {**arrays, "views": arrays["views"][:, order]}


def _unpaired(arrays: Arrays, _: Generator) -> Arrays:
    views = arrays["views"].copy()
    views[1] = np.roll(views[1], 1, axis=0)
    return {**arrays, "views": views}


def _turned(arrays: Arrays, rng: Generator) -> Arrays:
    """Rotate the cloud together with the directions."""
    dim = len(arrays["directions"])
    rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    return {"rows": arrays["rows"] @ rotation, "directions": rotation.T @ arrays["directions"]}


def _flipped(arrays: Arrays, _: Generator) -> Arrays:
    return {**arrays, "directions": -arrays["directions"]}


def _case(convention: Convention, source: str, peer: Peer | None = None) -> Case:
    return Case(
        "lejepa",
        f"lejepa {convention}",
        source,
        (_views(16, 7), _views(7, 16)),
        partial(_ours, convention),
        partial(_truth, convention),
        moving=("views",),
        relations=(
            Relation("batch order", _shuffled),
            Relation("pairs matter", _unpaired, same=False),
            Relation("sign of a direction ignored", _flipped),
        ),
        peer=peer,
    )


CASES = (
    Case(
        "lejepa",
        "sigreg",
        f"arXiv:2511.08544; {_SIGREG_CODE}",
        (_rows(16, 7), _rows(7, 16)),
        _sigreg,
        _sigreg_truth,
        moving=("rows",),
        known=(
            Known(
                "collapse(sigreg) at N = 64",
                _at_origin,
                form("sigreg", "collapse").value(batch_size=64),
                still=True,
            ),
            Known(
                "floor(sigreg) of a normal cloud",
                _rows(128, 256, factor=1.0, slices=512),
                form("sigreg", "floor").value(),
                tolerance=0.1,
            ),
        ),
        relations=(
            Relation("rotation with its directions", _turned),
            Relation("sign of a direction ignored", _flipped),
        ),
        peer=Peer("lightly", _sigreg_lightly),
    ),
    _case("official", "gh:rbalestr-lab/lejepa@eddffdd857a19726342ef6526e01021fb3c32cae:MINIMAL.md"),
    _case("paper_text", "arXiv:2511.08544 section 5.1, the equations"),
    _case("lightly", "lightly LeJEPALoss", Peer("lightly", _lightly)),
    _case("stable_pretraining", "stable-pretraining LeJEPA"),
)
