"""DINO over crops and its centre; `dino_parts` has iBOT and KoLeo."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from kb.closed_forms import form
from reference_impl.losses.self_distillation import dino_loss, moved_center, teacher_distribution
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.cases.dino_parts import COLD, PART_CASES, WARM, cosines
from reference_impl.verify.clouds import normal
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import permuted, shifted, swapped
from reference_impl.verify.transcriptions import self_distillation as paper

_STUDENT = ("student_1", "student_2", "student_3", "student_4")
_TEACHER = ("teacher_1", "teacher_2")
_DINO_CODE = "gh:facebookresearch/dino@7c446df5b9f45747937fb0d72314eb9f7b66930a:main_dino.py"


def _crops(batch: int, prototypes: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shared = cosines(rng, batch, prototypes)
        names = (*_STUDENT, *_TEACHER)
        views = {name: shared + 0.5 * cosines(rng, batch, prototypes) for name in names}
        return {**views, "center": 0.3 * cosines(rng, prototypes)}

    return draw


def _all_equal(batch: int, prototypes: int, logits: float) -> Draw:
    """Return logits of one prototype only, in every crop; 0 is a uniform output."""
    row = np.zeros(prototypes)
    row[0] = logits
    names = (*_STUDENT, *_TEACHER)
    held = {name: np.tile(row, (batch, 1)) for name in names}
    return lambda _rng: {**held, "center": np.zeros(prototypes)}


def _first_step(agree: bool, batch: int, prototypes: int, width: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shared = cosines(rng, batch, prototypes, width=width)

        def logits() -> npt.NDArray[np.float64]:
            return shared if agree else cosines(rng, batch, prototypes, width=width)

        views = {name: logits() for name in (*_STUDENT, *_TEACHER)}
        return {**views, "center": np.zeros(prototypes)}

    return draw


def _targets(tensors: Tensors) -> list[Tensor]:
    return [teacher_distribution(tensors[name], COLD, tensors["center"]) for name in _TEACHER]


def _dino(crops: Sequence[str], tensors: Tensors) -> Tensor:
    return dino_loss([tensors[name] for name in crops], _targets(tensors), WARM)


def _dino_sum(tensors: Tensors) -> Tensor:
    students = [tensors[name] for name in _STUDENT]
    return dino_loss(students, _targets(tensors), WARM, reduction="sum")


def _dino_truth(crops: Sequence[str], factor: float, arrays: Arrays) -> float:
    students, teachers = ([arrays[name] for name in names] for names in (crops, _TEACHER))
    return factor * paper.dino(students, teachers, arrays["center"], WARM, COLD)


def _dino_lightly(tensors: Tensors) -> Tensor:
    students, teachers = ([tensors[name] for name in names] for names in (_STUDENT, _TEACHER))
    loss = lightly_loss("DINOLoss")(len(tensors["center"]), teacher_temp=COLD, student_temp=WARM)
    loss.center = tensors["center"][None, None]
    value: Tensor = loss([one.detach() for one in teachers], students)
    return value


def _center(tensors: Tensors) -> Tensor:
    """The moved centre weighed by fixed numbers, so that it becomes one value to compare."""
    rows = tensors["rows"]
    return (moved_center(tensors["center"], rows, 0.9) * tensors["weights"]).sum()


def _center_truth(arrays: Arrays) -> float:
    moved = paper.moved_center(arrays["center"], [arrays["rows"]], 0.9)
    return float(moved @ arrays["weights"])


def _center_draw(rng: Generator) -> Arrays:
    return {"rows": normal(rng, 12, 9), "center": normal(rng, 9), "weights": normal(rng, 9)}


_DINO_KNOWN = (
    Known(
        "collapse(dino), K = 64",
        _all_equal(4, 64, 0.0),
        form("dino", "collapse").value(prototypes=64),
    ),
    Known(
        "collapse(dino.one_hot)",
        _all_equal(4, 64, 30.0),
        form("dino.one_hot", "collapse").value(),
        still=True,
    ),
    Known(
        "start(dino), unrelated views",
        _first_step(False, 8, 4096, 256),
        form("dino", "start").value(prototypes=4096, dim=256, temperature=WARM),
        tolerance=0.01,
    ),
    Known(
        "start(dino.agree)",
        _first_step(True, 8, 4096, 256),
        form("dino.agree", "start").value(prototypes=4096, dim=256, temperature=WARM),
        tolerance=0.01,
    ),
)
_LOGITS = (*_STUDENT, *_TEACHER)

CASES = (
    Case(
        "dino",
        "dino",
        _DINO_CODE,
        (_crops(5, 24), _crops(24, 5)),
        partial(_dino, _STUDENT),
        partial(_dino_truth, _STUDENT, 1.0),
        moving=_STUDENT,
        stopped=_TEACHER,
        known=_DINO_KNOWN,
        relations=(
            permuted(*_LOGITS),
            swapped((_STUDENT[0], _STUDENT[1]), _TEACHER),
            swapped((_STUDENT[2], _STUDENT[3])),
            shifted(*_LOGITS, per_row=True),
            shifted(*_TEACHER, same=False),
        ),
        peer=Peer("lightly", _dino_lightly),
    ),
    Case(
        "dino",
        "dino two crops",
        _DINO_CODE,
        (_crops(5, 24),),
        partial(_dino, _STUDENT[:2]),
        partial(_dino_truth, _STUDENT[:2], 1.0),
        moving=_STUDENT[:2],
        stopped=_TEACHER,
    ),
    Case(
        "dino",
        "dino sum over pairs",
        "arXiv:2104.14294 Eq. 3",
        (_crops(5, 24),),
        _dino_sum,
        # Two teacher crops with three other crops each.
        partial(_dino_truth, _STUDENT, 6.0),
        moving=_STUDENT,
        stopped=_TEACHER,
    ),
    Case(
        "dino",
        "dino centre",
        "arXiv:2104.14294 (the centre's moving average)",
        (_center_draw,),
        _center,
        _center_truth,
        moving=("weights",),
        stopped=("rows",),
    ),
    *PART_CASES,
)
