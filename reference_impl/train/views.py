"""From rows of the data set to the batch that a method asks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from reference_impl.augment import PolicySet, view
from reference_impl.data import Images
from reference_impl.method import Batch, ViewPlan
from reference_impl.shapes import Int, Tensor

_SMALL_MULTIPLE = 4
"""Local crops have a side divisible by this where the encoder has no patches of its own."""


def small_multiple(encoder: nn.Module) -> int:
    """Return what the side of local crops has to divide by: the edge of the encoder's patches."""
    return int(getattr(encoder, "patch_size", _SMALL_MULTIPLE))


@dataclass(frozen=True)
class Views:
    """Renders batches of `images` as `plan` wants them; all randomness is the generator's. The
    side of local crops is a multiple of `multiple`."""

    images: Images
    plan: ViewPlan
    policies: PolicySet
    generator: torch.Generator
    channels_last: bool = False
    multiple: int = _SMALL_MULTIPLE

    def batch(self, rows: Int[Tensor, " batch"]) -> Batch:
        """Return the batch of the images at `rows`."""
        split = self.images.train
        rows = rows.to(split.labels.device, non_blocking=True)
        pixels = split.pixels[rows]
        return Batch(
            views=tuple(self._view(pixels, place) for place in range(self.plan.views)),
            small=tuple(self._small(pixels) for _ in range(self.plan.small)),
            labels=split.labels[rows] if self.plan.labels else None,
            texts=split.texts[rows] if self.plan.texts else None,
        )

    def _view(self, pixels: Tensor, place: int) -> Tensor:
        chosen = self.policies.views
        policy = chosen[place % len(chosen)] if self.plan.augmented else self.policies.plain
        return self._normalised(view(pixels, policy, self.generator))

    def _small(self, pixels: Tensor) -> Tensor:
        side = round(self.images.side * self.policies.small_share / self.multiple)
        side = max(1, side) * self.multiple
        return self._normalised(view(pixels, self.policies.small, self.generator, side))

    def _normalised(self, views: Tensor) -> Tensor:
        mean, std = self.images.mean[:, None, None], self.images.std[:, None, None]
        scaled = (views - mean) / std
        if self.channels_last:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        return scaled
