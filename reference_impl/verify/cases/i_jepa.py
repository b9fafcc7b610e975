"""I-JEPA: smooth L1 to normalised targets, and the paper's squared distance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kb.closed_forms import form
from reference_impl.methods.i_jepa import Convention, i_jepa_loss
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Relation, Tensors
from reference_impl.verify.clouds import normal
from reference_impl.verify.relations import permuted, scaled, shifted
from reference_impl.verify.transcriptions import masked

_BOTH = ("predictions", "targets")
_CODE = "gh:facebookresearch/ijepa@52c1ae95d05f743e000e8f10a1f3a79b10cff048:src/train.py"


def _draw(images: int, patches: int, width: int) -> Draw:
    """Return predictions and targets that differ by more and by less than 1."""

    def draw(rng: Generator) -> Arrays:
        shape = (images, 2, patches, width)
        targets = 2 * normal(rng, *shape) + 0.5
        return {"predictions": 0.4 * targets + 0.8 * normal(rng, *shape), "targets": targets}

    return draw


def _predicting_zero(rng: Generator) -> Arrays:
    targets = normal(rng, 64, 2, 4, 192)
    return {"predictions": 0 * targets, "targets": targets}


def _unrelated(rng: Generator) -> Arrays:
    rows = normal(rng, 512, 192)
    predictions = (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
    return {"predictions": predictions, "targets": normal(rng, 512, 192)}


def _constant(rng: Generator) -> Arrays:
    """Every patch gets one target, and its normalised form is predicted."""
    target = normal(rng, 192)
    shape = (6, 2, 4, 1)
    predicted = masked.layer_norm(target)
    return {
        "predictions": predicted + 0 * normal(rng, *shape),
        "targets": target + 0 * normal(rng, *shape),
    }


def _ours(convention: Convention, tensors: Tensors) -> Tensor:
    return i_jepa_loss(tensors["predictions"], tensors["targets"], convention=convention)


def _official(arrays: Arrays) -> float:
    return masked.i_jepa(arrays["predictions"], arrays["targets"])


def _paper(arrays: Arrays) -> float:
    return masked.i_jepa_paper(arrays["predictions"], arrays["targets"])


_KNOWN = (
    Known(
        "chance(i_jepa): zero predicted",
        _predicting_zero,
        form("i_jepa", "chance").value(),
        tolerance=0.01,
    ),
    Known(
        "chance(i_jepa.unrelated)",
        _unrelated,
        form("i_jepa.unrelated", "chance").value(),
        tolerance=0.01,
    ),
    Known("collapse(i_jepa)", _constant, form("i_jepa", "collapse").value(), still=True),
)


def _case(
    convention: Convention,
    source: str,
    truth: Callable[[Arrays], float],
    known: tuple[Known, ...],
    relations: tuple[Relation, ...],
) -> Case:
    return Case(
        "i_jepa",
        f"i_jepa {convention}",
        source,
        (_draw(3, 4, 8), _draw(2, 3, 16)),
        partial(_ours, convention),
        truth,
        moving=("predictions",),
        stopped=("targets",),
        known=known,
        relations=(permuted(*_BOTH), *relations),
    )


CASES = (
    _case("official", _CODE, _official, _KNOWN, (shifted("targets", per_row=True),)),
    _case(
        "paper",
        "arXiv:2301.08243 section 3",
        _paper,
        (),
        (shifted(*_BOTH), scaled(*_BOTH, same=False)),
    ),
)
