"""DINO over crops, iBOT over masked patches, KoLeo over a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from kb.closed_forms import form
from reference_impl.losses.koleo import Convention, koleo_loss
from reference_impl.methods.dino import (
    dino_loss,
    ibot_loss,
    moved_center,
    teacher_distribution,
)
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.clouds import constant, normal, unrelated
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import permuted, rows_scaled, shifted, swapped
from reference_impl.verify.transcriptions import self_distillation as paper

_STUDENT = ("student_1", "student_2", "student_3", "student_4")
_TEACHER = ("teacher_1", "teacher_2")
_COLD, _WARM = 0.04, 0.1
"""Temperatures of teacher and student, the defaults of main_dino.py."""

_DINO_CODE = "gh:facebookresearch/dino@7c446df5b9f45747937fb0d72314eb9f7b66930a:main_dino.py"
_IBOT_CODE = "gh:bytedance/ibot@da316d82636a7a7356835ef224b13d5f3ace0489:main_ibot.py"
_KOLEO_CODE = (
    "gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0:dinov2/loss/koleo_loss.py"
)


def _cosines(rng: Generator, *shape: int, width: int = 16) -> npt.NDArray[np.float64]:
    """Numbers that look like cosines with random prototypes in `width` dimensions."""
    return np.asarray(normal(rng, *shape) / np.sqrt(width))


def _crops(batch: int, prototypes: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shared = _cosines(rng, batch, prototypes)
        names = (*_STUDENT, *_TEACHER)
        views = {name: shared + 0.5 * _cosines(rng, batch, prototypes) for name in names}
        return {**views, "center": 0.3 * _cosines(rng, prototypes)}

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
        shared = _cosines(rng, batch, prototypes, width=width)

        def logits() -> npt.NDArray[np.float64]:
            return shared if agree else _cosines(rng, batch, prototypes, width=width)

        views = {name: logits() for name in (*_STUDENT, *_TEACHER)}
        return {**views, "center": np.zeros(prototypes)}

    return draw


def _targets(tensors: Tensors) -> list[Tensor]:
    return [teacher_distribution(tensors[name], _COLD, tensors["center"]) for name in _TEACHER]


def _dino(crops: Sequence[str], tensors: Tensors) -> Tensor:
    return dino_loss([tensors[name] for name in crops], _targets(tensors), _WARM)


def _dino_sum(tensors: Tensors) -> Tensor:
    students = [tensors[name] for name in _STUDENT]
    return dino_loss(students, _targets(tensors), _WARM, reduction="sum")


def _dino_truth(crops: Sequence[str], factor: float, arrays: Arrays) -> float:
    students, teachers = ([arrays[name] for name in names] for names in (crops, _TEACHER))
    return factor * paper.dino(students, teachers, arrays["center"], _WARM, _COLD)


def _dino_lightly(tensors: Tensors) -> Tensor:
    students, teachers = ([tensors[name] for name in names] for names in (_STUDENT, _TEACHER))
    loss = lightly_loss("DINOLoss")(len(tensors["center"]), teacher_temp=_COLD, student_temp=_WARM)
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


def _patches(images: int, patches: int, prototypes: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shape = (images, patches, prototypes)
        shared = _cosines(rng, *shape)
        masks = (rng.random((images, patches)) < 0.5).astype(np.int64)
        masks[0, 0], masks[-1] = 1, 0
        return {
            "student": shared + 0.5 * _cosines(rng, *shape),
            "teacher": shared + 0.5 * _cosines(rng, *shape),
            "masks": masks,
            "center": 0.3 * _cosines(rng, prototypes),
        }

    return draw


def _ibot(convention: Literal["per_image", "per_token"], tensors: Tensors) -> Tensor:
    mask = tensors["masks"].bool()
    targets = teacher_distribution(tensors["teacher"][mask], _COLD, tensors["center"])
    return ibot_loss(tensors["student"][mask], targets, mask, _WARM, convention=convention)


def _ibot_truth(per_token: bool, arrays: Arrays) -> float:
    names = ("student", "teacher", "masks", "center")
    student, teacher, masks, center = (arrays[name] for name in names)
    return paper.ibot(student, teacher, masks, center, _WARM, _COLD, per_token=per_token)


def _ibot_lightly(tensors: Tensors) -> Tensor:
    mask = tensors["masks"].bool()
    loss = lightly_loss("IBOTPatchLoss")(len(tensors["center"]), _COLD, _WARM)
    loss.center.center = tensors["center"][None]
    teacher = tensors["teacher"].detach()[mask]
    value: Tensor = loss(teacher, tensors["student"][mask], mask[:, None])
    return value


def _koleo(convention: Convention, tensors: Tensors) -> Tensor:
    return koleo_loss(tensors["rows"], convention=convention)


def _koleo_truth(eps: float, arrays: Arrays) -> float:
    return paper.koleo(arrays["rows"], eps)


def _koleo_lightly(tensors: Tensors) -> Tensor:
    value: Tensor = lightly_loss("KoLeoLoss")()(tensors["rows"])
    return value


def _rows(batch: int, dim: int) -> Draw:
    return lambda rng: {"rows": normal(rng, batch, dim) + 0.2}


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
        form("dino", "start").value(prototypes=4096, dim=256, temperature=_WARM),
        tolerance=0.01,
    ),
    Known(
        "start(dino.agree)",
        _first_step(True, 8, 4096, 256),
        form("dino.agree", "start").value(prototypes=4096, dim=256, temperature=_WARM),
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
    Case(
        "dino",
        "ibot per image",
        f"arXiv:2111.07832; {_IBOT_CODE}",
        (_patches(4, 6, 12),),
        partial(_ibot, "per_image"),
        partial(_ibot_truth, False),
        moving=("student",),
        stopped=("teacher",),
        relations=(permuted("student", "teacher", "masks"),),
        peer=Peer("lightly", _ibot_lightly),
    ),
    Case(
        "dino",
        "ibot per token",
        "stable-pretraining iBOTPatchLoss",
        (_patches(4, 6, 12),),
        partial(_ibot, "per_token"),
        partial(_ibot_truth, True),
        moving=("student",),
        stopped=("teacher",),
        relations=(permuted("student", "teacher", "masks"),),
    ),
    Case(
        "dino",
        "koleo",
        f"arXiv:1806.03198; {_KOLEO_CODE}",
        (_rows(16, 7), _rows(7, 16)),
        partial(_koleo, "official"),
        partial(_koleo_truth, 1e-8),
        moving=("rows",),
        known=(
            Known(
                "collapse(koleo), D = 32",
                constant(8, 32, ("rows",)),
                form("koleo", "collapse").value(dim=32),
            ),
            Known(
                "start(koleo)",
                unrelated(512, 512, ("rows",)),
                form("koleo", "start").value(batch_size=512, dim=512),
                tolerance=0.02,
            ),
        ),
        relations=(permuted("rows"), rows_scaled("rows")),
        peer=Peer("lightly", _koleo_lightly),
        half_scale=300.0,
    ),
    Case(
        "dino",
        "koleo paper",
        "arXiv:1806.03198",
        (_rows(16, 7),),
        partial(_koleo, "paper"),
        partial(_koleo_truth, 0.0),
        moving=("rows",),
        relations=(permuted("rows"), rows_scaled("rows")),
        half_scale=300.0,
    ),
)
