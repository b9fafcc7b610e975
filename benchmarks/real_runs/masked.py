"""Methods that predict hidden patches: MAE their pixels, a JEPA their latents.

Both need the `vit` encoder. `latest` holds the mean token, there being no projector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_runs.data import Batch
from benchmarks.real_runs.methods import Method, Terms
from benchmarks.real_runs.models import blocks, frozen_copy, move_average, patches, pick
from benchmarks.real_runs.teachers import annealed


class MAE(Method):
    """Reconstruct masked patches from the visible ones."""

    defaults: ClassVar[Mapping[str, Any]] = {"mask_ratio": 0.75, "norm_pix_loss": True, "depth": 1}

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        width, side = self.width, self.encoder.side
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.2 * torch.randn(1, self.encoder.tokens, width))
        self.decoder = nn.Sequential(
            blocks(width, self.set["depth"]), nn.Linear(width, side * side)
        )

    def make_head(self) -> Any:
        return nn.Identity()

    def losses(self, batch: Batch) -> Terms:
        count, tokens = len(batch.images), self.encoder.tokens
        order = torch.rand(count, tokens).argsort(dim=1)
        kept = tokens - round(tokens * self.set["mask_ratio"])
        seen = self.stop_visible(self.encoder.encode(batch.images, order[:, :kept]))
        self.latest = (seen.detach().mean(dim=1), seen.detach().mean(dim=1))
        hidden = self.mask_token.expand(count, tokens - kept, -1)
        places = self.position.expand(count, -1, -1)
        full = torch.cat([seen, hidden], dim=1) + pick(places, order)
        predicted = self.decoder(full)[:, kept:]
        target = pick(patches(batch.images, self.encoder.side), order[:, kept:])
        if self.set["norm_pix_loss"]:
            variance = target.var(dim=2, keepdim=True)
            target = (target - target.mean(dim=2, keepdim=True)) / (variance + 1e-6).sqrt()
        return {"loss": (predicted - target).square().mean()}

    def stop_visible(self, tokens: Any) -> Any:
        """Hand the visible tokens (n, k, width) on to the decoder."""
        return tokens


class JEPA(Method):
    """Predict the moving average's latents of hidden patches."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "mask_ratio": 0.5,
        "momentum": 0.98,
        "anneal": True,
        "normed_targets": True,
    }

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, self.width))
        self.position = nn.Parameter(0.2 * torch.randn(1, self.encoder.tokens, self.width))
        self.predictor = nn.Sequential(blocks(self.width, 1), nn.Linear(self.width, self.width))
        self.teacher = frozen_copy(self.encoder)

    def make_head(self) -> Any:
        return nn.Identity()

    def losses(self, batch: Batch) -> Terms:
        count, tokens = len(batch.images), self.encoder.tokens
        order = torch.rand(count, tokens).argsort(dim=1)
        kept = tokens - round(tokens * self.set["mask_ratio"])
        target = self.stop(self.teacher.encode(batch.images))
        if self.set["normed_targets"]:
            target = functional.layer_norm(target, (self.width,))
        seen = self.encoder.encode(batch.images, order[:, :kept])
        self.latest = (seen.detach().mean(dim=1), target.detach().mean(dim=1))
        hidden = self.mask_token.expand(count, tokens - kept, -1)
        places = self.position.expand(count, -1, -1)
        predicted = self.predictor(torch.cat([seen, hidden], dim=1) + pick(places, order))[:, kept:]
        wanted = pick(target, order[:, kept:])
        loss = functional.smooth_l1_loss(predicted, wanted)
        return {"loss": loss, "target_var": wanted.detach().var(dim=0).mean()}

    def advance(self, progress: float) -> dict[str, float]:
        momentum = float(self.set["momentum"])
        momentum = annealed(momentum, progress) if self.set["anneal"] else momentum
        move_average(self.teacher, self.encoder, momentum)
        return {"momentum": momentum}
