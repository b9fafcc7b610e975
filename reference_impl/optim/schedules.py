"""Learning rate and weight decay as functions of the step: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reference_impl.method import Recipe


def warmup_cosine(step: int, total: int, warmup: int, peak: float, final: float) -> float:
    """Return the value at `step` of `total`: linear from peak/warmup to `peak`, then half a
    cosine down to `final`, which the step after the last would reach."""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(total - warmup, 1)
    return final + (peak - final) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


@dataclass(frozen=True)
class Schedule:
    """The course of a training of `total` updates, `warmup` of them with a rising rate."""

    total: int
    warmup: int
    peak_lr: float
    final_lr: float
    weight_decay: float
    final_weight_decay: float

    @classmethod
    def from_recipe(cls, recipe: Recipe, total: int, *, warmup: int | None = None) -> Schedule:
        """Return the schedule of a recipe stretched to `total` updates.

        The warm-up takes `warmup` updates, at most all of them. Without a number it keeps its
        share of the training, so that a shortened run still reaches its peak. The peak is
        base_lr * batch_size / lr_batch, or base_lr when lr_batch is 0.
        """
        scale = recipe.batch_size / recipe.lr_batch if recipe.lr_batch else 1.0
        peak = recipe.base_lr * scale
        share = min(recipe.warmup_epochs / recipe.epochs, 1.0) if recipe.epochs else 0.0
        final = recipe.final_weight_decay
        return cls(
            total=total,
            warmup=round(total * share) if warmup is None else min(warmup, total),
            peak_lr=peak,
            final_lr=peak * recipe.final_lr,
            weight_decay=recipe.weight_decay,
            final_weight_decay=recipe.weight_decay if final is None else final,
        )

    def lr(self, step: int) -> float:
        """Return the learning rate of update `step`, counted from 0."""
        return warmup_cosine(step, self.total, self.warmup, self.peak_lr, self.final_lr)

    def decay(self, step: int) -> float:
        """Return the weight decay of update `step`: half a cosine between its two values."""
        return warmup_cosine(step, self.total, 0, self.weight_decay, self.final_weight_decay)
