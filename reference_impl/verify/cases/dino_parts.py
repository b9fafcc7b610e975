"""iBOT over masked patches and KoLeo over a batch, the optional terms of DINO."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from kb.closed_forms import form
from reference_impl.losses.ibot import ibot_loss
from reference_impl.losses.koleo import Convention, koleo_loss
from reference_impl.losses.self_distillation import teacher_distribution
from reference_impl.shapes import Tensor
from reference_impl.verify.case import Arrays, Case, Draw, Generator, Known, Peer, Tensors
from reference_impl.verify.clouds import constant, normal, unrelated
from reference_impl.verify.peers import lightly_loss
from reference_impl.verify.relations import permuted, rows_scaled
from reference_impl.verify.transcriptions import self_distillation as paper

COLD, WARM = 0.04, 0.1
"""Temperatures of teacher and student, the defaults of main_dino.py."""

_IBOT_CODE = "gh:bytedance/ibot@da316d82636a7a7356835ef224b13d5f3ace0489:main_ibot.py"
_KOLEO_CODE = (
    "gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0:dinov2/loss/koleo_loss.py"
)


def cosines(rng: Generator, *shape: int, width: int = 16) -> npt.NDArray[np.float64]:
    """Numbers that look like cosines with random prototypes in `width` dimensions."""
    return np.asarray(normal(rng, *shape) / np.sqrt(width))


def _patches(images: int, patches: int, prototypes: int) -> Draw:
    def draw(rng: Generator) -> Arrays:
        shape = (images, patches, prototypes)
        shared = cosines(rng, *shape)
        masks = (rng.random((images, patches)) < 0.5).astype(np.int64)
        masks[0, 0], masks[-1] = 1, 0
        return {
            "student": shared + 0.5 * cosines(rng, *shape),
            "teacher": shared + 0.5 * cosines(rng, *shape),
            "masks": masks,
            "center": 0.3 * cosines(rng, prototypes),
        }

    return draw


def _ibot(convention: Literal["per_image", "per_token"], tensors: Tensors) -> Tensor:
    mask = tensors["masks"].bool()
    targets = teacher_distribution(tensors["teacher"][mask], COLD, tensors["center"])
    return ibot_loss(tensors["student"][mask], targets, mask, WARM, convention=convention)


def _ibot_truth(per_token: bool, arrays: Arrays) -> float:
    names = ("student", "teacher", "masks", "center")
    student, teacher, masks, center = (arrays[name] for name in names)
    return paper.ibot(student, teacher, masks, center, WARM, COLD, per_token=per_token)


def _ibot_lightly(tensors: Tensors) -> Tensor:
    mask = tensors["masks"].bool()
    loss = lightly_loss("IBOTPatchLoss")(len(tensors["center"]), COLD, WARM)
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


PART_CASES = (
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
