"""DINO's loss: what a teacher says of one crop, said by a student of another; and its centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch

from reference_impl.distributed import sum_over_processes
from reference_impl.losses.precision import at_least_float32
from reference_impl.prototypes import code_cross_entropy
from reference_impl.shapes import Float, Tensor

Logits = Float[Tensor, "batch prototypes"]


class DINOTerms(NamedTuple):
    """The loss, and its means over pairs with another global crop and with a local crop."""

    loss: Float[Tensor, ""]
    across_global: Float[Tensor, ""]
    to_local: Float[Tensor, ""]


@torch.no_grad()
def teacher_distribution(
    logits: Float[Tensor, "*batch prototypes"],
    temperature: float,
    center: Float[Tensor, " prototypes"] | None = None,
) -> Float[Tensor, "*batch prototypes"]:
    """Return softmax((logits - center)/temperature), in float32 at least and without gradient.

    `center` None leaves centring out. main_dino.py#L387-L390 at 7c446df.
    """
    logits = at_least_float32(logits)
    if center is not None:
        logits = logits - center
    return (logits / temperature).softmax(dim=-1)


def dino_terms(
    student: Sequence[Logits],
    targets: Sequence[Logits],
    temperature: float = 0.1,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> DINOTerms:
    """Return the cross-entropy of every student crop with every teacher crop but its own.

    H(t, s) = -sum_k t_k log softmax(s/temperature)_k, averaged over images. `student` holds
    logits, the teacher's crops first; `targets` the teacher's distributions.

    "mean" averages over the pairs: the official code (main_dino.py#L380-L404 at 7c446df),
    lightly, solo-learn, stable-pretraining; DINOv2 arrives at the same total but logs each part
    times its share of the pairs (dinov2/train/ssl_meta_arch.py). "sum" adds the pairs as Eq. 3 of
    the paper (arXiv:2104.14294) is written; its Algorithm 1 takes the mean.
    ValueError if no pair is left.
    """
    teachers = len(targets)
    if len(student) < 2 or len(student) < teachers:
        raise ValueError(
            f"DINO pairs each teacher crop with other crops, found {teachers} of the teacher "
            f"and {len(student)} of the student"
        )
    among: list[Tensor] = []
    to_local: list[Tensor] = []
    for crop, logits in enumerate(student):
        others = [target for view, target in enumerate(targets) if view != crop]
        if others:
            value = code_cross_entropy(others, logits, temperature).mean()
            (among if crop < teachers else to_local).append(value)
    pairs_among, pairs_local = teachers * (teachers - 1), teachers * len(to_local)
    zero = at_least_float32(student[0]).new_zeros(())
    sum_among, sum_local = sum(among, zero), sum(to_local, zero)
    total = sum_among + sum_local
    return DINOTerms(
        total if reduction == "sum" else total / (pairs_among + pairs_local),
        sum_among / max(pairs_among, 1),
        sum_local / max(pairs_local, 1),
    )


def dino_loss(
    student: Sequence[Logits],
    targets: Sequence[Logits],
    temperature: float = 0.1,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    """Return the loss of `dino_terms`, which explains arguments and conventions."""
    return dino_terms(student, targets, temperature, reduction=reduction).loss


@torch.no_grad()
def moved_center(
    center: Float[Tensor, " prototypes"], logits: Logits, momentum: float = 0.9
) -> Float[Tensor, " prototypes"]:
    """Return momentum * center + (1 - momentum) * mean of the teacher's logits.

    The mean runs over the rows of all processes, which may hold different numbers of rows
    (main_dino.py#L406-L416 at 7c446df). Without any row the centre stays.
    """
    total = at_least_float32(logits).sum(dim=0)
    count = sum_over_processes(total.new_full((), len(logits)))
    mean = sum_over_processes(total) / count.clamp(min=1.0)
    return center.lerp(mean.to(center.dtype), (count > 0).to(center.dtype) * (1.0 - momentum))
