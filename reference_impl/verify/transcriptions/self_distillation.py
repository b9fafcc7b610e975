"""DINO, the patch loss of iBOT, and the KoLeo regulariser."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import numpy as np

from reference_impl.verify.transcriptions.numbers import (
    Array,
    IntArray,
    cross_entropy,
    softmax,
    unit,
)


def dino(
    student: Sequence[Array],
    teacher: Sequence[Array],
    center: Array,
    student_temperature: float,
    teacher_temperature: float,
) -> float:
    """Return the mean over (teacher crop, other student crop) of H(P_t, P_s).

    One (batch, prototypes) array of logits per crop, teacher crops being the first student
    crops; `center` (prototypes,). arXiv:2104.14294 (centring and sharpening);
    gh:facebookresearch/dino@7c446df5b9f45747937fb0d72314eb9f7b66930a:main_dino.py, DINOLoss.
    """
    terms = []
    for t, teacher_logits in enumerate(teacher):
        for s, student_logits in enumerate(student):
            if s == t:
                continue
            total = 0.0
            for target, row in zip(teacher_logits, student_logits, strict=True):
                sharpened = softmax((target - center) / teacher_temperature)
                total += cross_entropy(sharpened, row / student_temperature)
            terms.append(total / len(teacher_logits))
    return sum(terms) / len(terms)


def moved_center(center: Array, teacher: Sequence[Array], momentum: float) -> Array:
    """Return m c + (1 - m) times the mean of all teacher logits; arXiv:2104.14294."""
    rows = np.concatenate(list(teacher))
    return np.asarray(momentum * center + (1 - momentum) * rows.mean(axis=0))


def ibot(
    student: Array,
    teacher: Array,
    masks: IntArray,
    center: Array,
    student_temperature: float,
    teacher_temperature: float,
    *,
    per_token: bool = False,
) -> float:
    """Return the mean over images of the mean over masked patches of H(P_t, P_s).

    `student` and `teacher` (images, patches, prototypes) logits, `masks` (images, patches) with
    1 where the student saw a mask, `center` (prototypes,). arXiv:2111.07832;
    gh:bytedance/ibot@da316d82636a7a7356835ef224b13d5f3ace0489:main_ibot.py, iBOTLoss. An image
    without a masked patch counts as 0. `per_token` averages over all masked patches instead.
    """
    means, entropies = [], []
    for image, mask in enumerate(masks):
        terms = []
        for patch in np.flatnonzero(mask):
            target = softmax((teacher[image, patch] - center) / teacher_temperature)
            terms.append(cross_entropy(target, student[image, patch] / student_temperature))
        means.append(sum(terms) / max(len(terms), 1))
        entropies.extend(terms)
    chosen = entropies if per_token else means
    return sum(chosen) / len(chosen)


def koleo(rows: Array, eps: float = 1e-8) -> float:
    """Return the mean of -ln of the distance to the nearest other unit vector; (batch, dim).

    arXiv:1806.03198. `eps` enters twice, as in
    gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0:dinov2/loss/koleo_loss.py:
    in every coordinate of the difference (torch's PairwiseDistance) and beside the distance.
    """
    units = [unit(row) for row in rows]
    total = 0.0
    for i, one in enumerate(units):
        nearest = max((k for k in range(len(units)) if k != i), key=lambda k: float(one @ units[k]))
        gap = one - units[nearest] + eps
        total -= log(sqrt(float(gap @ gap)) + eps)
    return total / len(units)
