"""iBOT's loss: the teacher's distribution of every patch that the student does not see."""

from __future__ import annotations

from typing import Literal

from reference_impl.distributed import mean_over_processes
from reference_impl.prototypes import code_cross_entropy
from reference_impl.shapes import Bool, Float, Tensor


def ibot_loss(
    student: Float[Tensor, "masked prototypes"],
    targets: Float[Tensor, "masked prototypes"],
    mask: Bool[Tensor, "images patches"],
    temperature: float = 0.1,
    *,
    convention: Literal["per_image", "per_token"] = "per_image",
) -> Float[Tensor, ""]:
    """Return the cross-entropy of masked patches; `mask` says which rows belong to which image.

    "per_image" averages over the masked patches of each image, then over all images, and an
    image without masked patches counts as 0: iBOT (main_ibot.py#L540-L554 at da316d8), DINOv2
    (dinov2/loss/ibot_patch_loss.py#L105-L126 at b8931f7), lightly. "per_token" averages over all
    masked patches of the batch: stable-pretraining. Rows are in the order of mask.nonzero().
    """
    entropies = code_cross_entropy([targets], student, temperature)
    if convention == "per_token":
        count = mean_over_processes(entropies.new_full((), len(entropies)))
        return entropies.sum() / count.clamp(min=1.0)
    share = 1.0 / mask.sum(dim=-1, keepdim=True).clamp(min=1)
    return (entropies * share.expand(mask.shape)[mask].to(entropies)).sum() / len(mask)
