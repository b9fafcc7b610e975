"""Methods that predict a target made from another view: SimSiam, BYOL, DINO, SwAV."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_runs import losses
from benchmarks.real_runs.data import Batch
from benchmarks.real_runs.methods import Method, Terms
from benchmarks.real_runs.models import frozen_copy, head, move_average


def annealed(start: float, progress: float) -> float:
    """Return a momentum that goes from `start` to 1 on a cosine."""
    return 1 - (1 - start) * (math.cos(math.pi * progress) + 1) / 2


class SimSiam(Method):
    """Negative cosine of a prediction with the other view's stopped embedding."""

    defaults: ClassVar[Mapping[str, Any]] = {"last_norm": True, "pred_dim": 32}

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.predictor = head(self.set["dim"], self.set["pred_dim"], self.set["dim"])

    def losses(self, batch: Batch) -> Terms:
        first, second = self.both(batch)
        ahead = losses.cosine(self.predictor(first), self.stop(second))
        back = losses.cosine(self.predictor(second), self.stop(first))
        return {"loss": -(ahead + back) / 2}


class BYOL(Method):
    """2 - 2 cos of a prediction with the moving average's embedding, mean of both views."""

    defaults: ClassVar[Mapping[str, Any]] = {"momentum": 0.97, "anneal": True, "pred_dim": 64}

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.predictor = head(self.set["dim"], self.set["pred_dim"], self.set["dim"])
        self.teacher = frozen_copy(nn.Sequential(self.encoder, self.head))

    def target(self, images: Any) -> Any:
        """Return the embedding to be predicted, without gradient."""
        return self.stop(self.teacher(images))

    def losses(self, batch: Batch) -> Terms:
        first, second = self.both(batch)
        ahead = losses.cosine(self.predictor(first), self.target(batch.second))
        back = losses.cosine(self.predictor(second), self.target(batch.first))
        return {"loss": 2 - ahead - back}

    def advance(self, progress: float) -> dict[str, float]:
        momentum = float(self.set["momentum"])
        momentum = annealed(momentum, progress) if self.set["anneal"] else momentum
        student = nn.Sequential(self.encoder, self.head)
        move_average(self.teacher, student, momentum)
        with torch.no_grad():
            pairs = list(zip(self.teacher.parameters(), student.parameters(), strict=True))
            apart = sum(float((a - b).square().sum()) for a, b in pairs)
            size = sum(float(b.square().sum()) for _, b in pairs)
        return {"momentum": momentum, "ema_dist": math.sqrt(apart / size)}


class DINO(Method):
    """Cross-entropy with a centred and sharpened teacher.

    `teacher_temp` warms up linearly from `warmup_teacher_temp` over `temp_warmup` of the run.
    """

    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 256,
        "momentum": 0.99,
        "anneal": True,
        "student_temp": 0.1,
        "teacher_temp": 0.04,
        "warmup_teacher_temp": 0.04,
        "temp_warmup": 0.3,
        "center_momentum": 0.9,
        "centred": True,
    }
    compare = staticmethod(losses.soft_cross_entropy)

    def make_head(self) -> Any:
        return _PrototypeHead(self.width, self.set["hidden"], self.set["dim"])

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.teacher = frozen_copy(nn.Sequential(self.encoder, self.head))
        self.register_buffer("center", torch.zeros(1, self.set["dim"]))
        self.temperature = float(self.set["warmup_teacher_temp"])

    def losses(self, batch: Batch) -> Terms:
        first, second = self.both(batch)
        with torch.no_grad():
            raw = [self.teacher(batch.first), self.teacher(batch.second)]
            shares = [functional.softmax((z - self.center) / self.temperature, 1) for z in raw]
            if self.set["centred"]:
                keep = self.set["center_momentum"]
                mean = torch.cat(raw).mean(dim=0, keepdim=True)
                self.center.mul_(keep).add_(mean, alpha=1 - keep)
        heat = self.set["student_temp"]
        loss = self.compare(shares[0], second / heat) + self.compare(shares[1], first / heat)
        return {"loss": loss / 2, "teacher_entropy": losses.entropy(torch.cat(shares))}

    def advance(self, progress: float) -> dict[str, float]:
        low, high = self.set["warmup_teacher_temp"], self.set["teacher_temp"]
        done = min(1.0, progress / max(self.set["temp_warmup"], 1e-9))
        self.temperature = low + (high - low) * done
        momentum = float(self.set["momentum"])
        momentum = annealed(momentum, progress) if self.set["anneal"] else momentum
        move_average(self.teacher, nn.Sequential(self.encoder, self.head), momentum)
        return {
            "momentum": momentum,
            "teacher_temp": self.temperature,
            "center_norm": float(self.center.norm()),
        }


class _PrototypeHead(nn.Module):  # type: ignore[misc]
    """An MLP to 32 normalised dimensions, then cosines with `count` unit prototypes."""

    def __init__(self, width: int, hidden: int, count: int) -> None:
        super().__init__()
        self.mlp = head(width, hidden, 32)
        self.prototypes = nn.Parameter(torch.randn(count, 32))

    def forward(self, features: Any) -> Any:
        """Return cosines (n, count)."""
        return losses.unit(self.mlp(features)) @ losses.unit(self.prototypes).T


class SwAV(Method):
    """Each view predicts the other's balanced prototype assignment."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "dim": 32,
        "prototypes": 64,
        "temperature": 0.1,
        "epsilon": 0.05,
    }

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.prototypes = nn.Parameter(torch.randn(self.set["prototypes"], self.set["dim"]))

    def losses(self, batch: Batch) -> Terms:
        vectors = losses.unit(self.prototypes)
        scores = [losses.unit(z) @ vectors.T for z in self.both(batch)]
        codes = [losses.sinkhorn(one.detach(), self.set["epsilon"]) for one in scores]
        heat = self.set["temperature"]
        loss = losses.soft_cross_entropy(codes[0], scores[1] / heat)
        loss = (loss + losses.soft_cross_entropy(codes[1], scores[0] / heat)) / 2
        return {"loss": loss, "assign_entropy": losses.entropy(torch.cat(codes))}
