"""SwAV: codes by Sinkhorn-Knopp, and the cross-entropy of codes and scores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from kb.closed_forms import form
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.methods.swav import Pairs, swav_loss, view_codes
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.clouds import normal, unit_rows
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import permuted, swapped
from reference_impl.verify.transcriptions import clustering

_FULL = ("full_1", "full_2")
_SMALL = ("small_1", "small_2")
_VIEWS = (*_FULL, *_SMALL)
_TEMPERATURE, _EPSILON, _ITERATIONS = 0.1, 0.05, 3
"""The defaults of main_swav.py."""

_CODE = "gh:facebookresearch/swav@06b1b7cbaf6ba2a792300d79c7299db98b93b7f9:main_swav.py"
_PAPER_PAIRS: Mapping[Pairs, clustering.Pairs] = {
    "official": "mean",
    "paper": "sum",
    "mutual": "mutual",
}


def _cosines(batch: int, prototypes: int, width: int = 8) -> Draw:
    def draw(rng: Generator) -> Arrays:
        directions = unit_rows(normal(rng, prototypes, width))
        shared = normal(rng, batch, width)
        views = {name: unit_rows(shared + 0.5 * normal(rng, batch, width)) for name in _VIEWS}
        return {name: rows @ directions.T for name, rows in views.items()}

    return draw


def _flat(_rng: Generator) -> Arrays:
    return {name: np.zeros((12, 30)) for name in _VIEWS}


def _coded(pairs: Pairs) -> tuple[str, ...]:
    return _VIEWS if pairs == "mutual" else _FULL


def _ours(pairs: Pairs, tensors: Tensors) -> Tensor:
    coded = [tensors[name] for name in _coded(pairs)]
    codes = view_codes(coded, epsilon=_EPSILON, iterations=_ITERATIONS)
    return swav_loss([tensors[name] for name in _VIEWS], codes, _TEMPERATURE, pairs=pairs)


def _held(pairs: Pairs, moved: Arrays, original: Arrays) -> float:
    """Codes take no gradient: they stay those of the original scores."""
    coded = _coded(pairs)
    codes = [clustering.sinkhorn(original[name], _EPSILON, _ITERATIONS) for name in coded]
    scores = [moved[name] for name in _VIEWS]
    return clustering.swav(scores, codes, _TEMPERATURE, pairs=_PAPER_PAIRS[pairs])


def _truth(pairs: Pairs, arrays: Arrays) -> float:
    return _held(pairs, arrays, arrays)


def _lightly(tensors: Tensors) -> Tensor:
    loss = lightly_loss("SwaVLoss")(_TEMPERATURE, _ITERATIONS, _EPSILON)
    full, small = ([tensors[name] for name in names] for names in (_FULL, _SMALL))
    value: Tensor = loss(full, small)
    return value.sum()


def _code_rows(spread: float) -> Draw:
    def draw(rng: Generator) -> Arrays:
        scores = spread * np.clip(normal(rng, 9, 6) / 2, -1, 1)
        return {"scores": scores, "weights": normal(rng, 9, 6)}

    return draw


def _codes(tensors: Tensors) -> Tensor:
    """The codes weighed by fixed numbers, so that they become one value to compare."""
    return (sinkhorn(tensors["scores"], _EPSILON, _ITERATIONS) * tensors["weights"]).sum()


def _codes_truth(arrays: Arrays) -> float:
    codes = clustering.sinkhorn(arrays["scores"], _EPSILON, _ITERATIONS)
    return float((codes * arrays["weights"]).sum())


def _case(name: str, source: str, pairs: Pairs, peer: Peer | None = None) -> Case:
    known = Known("collapse(swav), K = 30", _flat, form("swav", "collapse").value(prototypes=30))
    return Case(
        "swav",
        name,
        source,
        (_cosines(16, 7), _cosines(7, 16)),
        partial(_ours, pairs),
        partial(_truth, pairs),
        moving=_VIEWS,
        held=partial(_held, pairs),
        known=() if pairs == "paper" else (known,),
        relations=(permuted(*_VIEWS), swapped(_FULL), swapped(_SMALL)),
        peer=peer,
    )


CASES = (
    _case("swav official", _CODE, "official", Peer("lightly", _lightly)),
    _case("swav paper", "arXiv:2006.09882 Eq. 1", "paper"),
    _case("swav mutual", "stable-pretraining SwAV.forward", "mutual"),
    Case(
        "swav",
        "sinkhorn of cosines",
        f"arXiv:2006.09882; {_CODE}",
        (_code_rows(1.0),),
        _codes,
        _codes_truth,
        moving=("weights",),
        stopped=("scores",),
        relations=(permuted("scores", "weights"),),
    ),
    Case(
        "swav",
        "sinkhorn of a wide span",
        f"arXiv:2006.09882; {_CODE}",
        (_code_rows(8.0),),
        _codes,
        _codes_truth,
        moving=("weights",),
        stopped=("scores",),
        relations=(permuted("scores", "weights"),),
    ),
)
