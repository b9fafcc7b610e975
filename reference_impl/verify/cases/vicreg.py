"""VICReg in its five conventions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kb.closed_forms import form
from reference_impl.methods.vicreg import Convention, vicreg_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Known, Peer, Tensors
from reference_impl.verify.clouds import constant, pairs, rank_one, unrelated
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import mispaired, permuted, rotated, scaled, shifted, swapped
from reference_impl.verify.transcriptions.redundancy import vicreg

_VIEWS = ("first", "second")
_RELATIONS = (
    permuted(*_VIEWS),
    mispaired("second"),
    swapped(_VIEWS),
    shifted(*_VIEWS),
    scaled(*_VIEWS, same=False),
    rotated(*_VIEWS, same=False),
)
_HALVED: Mapping[str, float] = {"variance_views": 1.0}


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    return vicreg_loss(tensors["first"], tensors["second"], convention=convention)


def _truth(settings: Mapping[str, float], arrays: Arrays) -> float:
    return vicreg(arrays["first"], arrays["second"], **settings)  # type: ignore[arg-type]


def _per_dim(name: str, shift: int, arrays: Arrays) -> float:
    return _truth({name: arrays["first"].shape[1] + shift}, arrays)


def _lightly(tensors: Tensors) -> Tensor:
    value: Tensor = lightly_loss("VICRegLoss")()(tensors["first"], tensors["second"])
    return value


def _known(variant: str) -> tuple[Known, ...]:
    name = f"vicreg.{variant}" if variant else "vicreg"
    collapse = form(name, "collapse").value()
    chance = form(name, "chance").value(batch_size=512, dim=64)
    return (
        Known(f"collapse({name})", constant(16, 8, _VIEWS), collapse, still=True),
        Known(f"chance({name})", unrelated(512, 64, _VIEWS), chance, tolerance=0.02),
    )


_OFFICIAL = (
    *_known(""),
    Known(
        "collapse(vicreg.rank_one)",
        rank_one(16, 8, _VIEWS),
        form("vicreg.rank_one", "collapse").value(dim=8),
    ),
)

CASES = (
    Case(
        "vicreg",
        "vicreg official",
        "gh:facebookresearch/vicreg@4e12602fd495af83efd1631fbe82523e6db092e0:main_vicreg.py",
        pairs(),
        partial(_ours, "official"),
        partial(_truth, _HALVED),
        moving=_VIEWS,
        known=_OFFICIAL,
        relations=_RELATIONS,
        peer=Peer("lightly", _lightly),
    ),
    Case(
        "vicreg",
        "vicreg paper",
        "arXiv:2105.04906 Algorithm 1",
        pairs(),
        partial(_ours, "paper"),
        partial(_truth, {}),
        moving=_VIEWS,
        known=_known("sum2"),
        relations=_RELATIONS,
    ),
    Case(
        "vicreg",
        "vicreg paper text",
        "arXiv:2105.04906 section 4.1",
        pairs(),
        partial(_ours, "paper_text"),
        partial(_per_dim, "invariance_dims", 0),
        moving=_VIEWS,
        relations=_RELATIONS,
    ),
    Case(
        "vicreg",
        "vicreg halved",
        "copies that average both terms over the views",
        pairs(),
        partial(_ours, "halved"),
        partial(_truth, {**_HALVED, "covariance_views": 1.0}),
        moving=_VIEWS,
        known=_known("half_cov"),
        relations=_RELATIONS,
    ),
    Case(
        "vicreg",
        "vicreg eb_jepa",
        "gh:facebookresearch/eb_jepa@966e61e9285b3a876f49b9774e9720d9a99a7925:eb_jepa/losses.py",
        pairs(),
        partial(_ours, "eb_jepa"),
        partial(_per_dim, "covariance_pairs", -1),
        moving=_VIEWS,
        relations=_RELATIONS,
    ),
)
