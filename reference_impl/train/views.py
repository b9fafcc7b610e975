"""From rows of the data set to the batch that a method asks for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from reference_impl.augment import PolicySet, view
from reference_impl.data import Images
from reference_impl.method import Batch, ViewPlan
from reference_impl.shapes import Int, Tensor

_SMALL_MULTIPLE = 4
"""Local crops have a side divisible by this, the smallest patch of our vision transformers."""


@dataclass(frozen=True)
class Views:
    """Renders batches of `images` as `plan` wants them; all randomness is the generator's."""

    images: Images
    plan: ViewPlan
    policies: PolicySet
    generator: torch.Generator
    channels_last: bool = False

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
        side = round(self.images.side * self.policies.small_share / _SMALL_MULTIPLE)
        side = max(1, side) * _SMALL_MULTIPLE
        return self._normalised(view(pixels, self.policies.small, self.generator, side))

    def _normalised(self, views: Tensor) -> Tensor:
        mean, std = self.images.mean[:, None, None], self.images.std[:, None, None]
        scaled = (views - mean) / std
        if self.channels_last:
            scaled = scaled.contiguous(memory_format=torch.channels_last)
        return scaled
