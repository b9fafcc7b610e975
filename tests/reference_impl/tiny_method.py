"""A method of our own that is as small as can be, with every kind of state a method may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from reference_impl import registry
from reference_impl.ema import frozen_copy, move_average
from reference_impl.method import Batch, Method, Preset, Recipe, StepOutput, ViewPlan


@dataclass(frozen=True)
class TinyConfig:
    """How strongly the target follows, and how much noise is added to the features."""

    ema_momentum: float = 0.9
    noise: float = 0.1
    dim: int = 8


class Tiny(Method):
    """Predicts a moving average's view, with noise from torch's global generator and a queue."""

    name = "tiny"
    plan = ViewPlan(labels=True)

    def __init__(self, encoder: nn.Module, config: TinyConfig) -> None:
        super().__init__(encoder, config)
        self.head = nn.Sequential(nn.Linear(encoder.width, config.dim), nn.BatchNorm1d(config.dim))
        self.target = frozen_copy(self.encoder)
        self.register_buffer("queue", torch.zeros(16, config.dim))

    def step(self, batch: Batch) -> StepOutput:
        features = tuple(self.encoder(view) for view in batch.views)
        embeddings = tuple(self.head(rows) for rows in features)
        with torch.no_grad():
            aim = self.head(self.target(batch.views[1]))
        noise = self.config.noise * torch.randn_like(aim)
        loss = (embeddings[0] - aim - noise).square().mean() - embeddings[0].std(0).mean()
        self.queue.copy_(torch.cat([aim[:8].detach(), self.queue[:-8]]))
        return StepOutput(
            loss,
            {"term/inv": loss.detach()},
            tuple(rows.detach() for rows in features),
            tuple(rows.detach() for rows in embeddings),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        move_average(self.target, self.encoder, self.config.ema_momentum)
        return {"ema_m": self.config.ema_momentum}


SMALL = Recipe("adamw", 1e-3, batch_size=32, epochs=2, lr_batch=0, warmup_epochs=0.5)
PRESETS = {"small": Preset(TinyConfig(), SMALL, "a test's own")}


def use_tiny(patch: pytest.MonkeyPatch, recipe: Recipe = SMALL) -> None:
    """Let `tiny` be the one registered method."""
    entry: Any = registry.Entry("tiny", Tiny, {"small": Preset(TinyConfig(), recipe, "")}, ())
    patch.setattr(registry, "get", lambda name: entry)
