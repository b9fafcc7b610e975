"""What a method is, and those that compare two views without a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from benchmarks.real_runs import losses
from benchmarks.real_runs.data import Batch
from benchmarks.real_runs.models import encoder, frozen_copy, head, move_average

Terms = dict[str, Any]
"""`loss` and whatever the method can log beside it, as scalars."""


class Method(nn.Module):  # type: ignore[misc]
    """An encoder, a head and a loss. `set` holds the options, `latest` the embeddings of the
    two views of the newest batch. Faults replace `project`, `stop`, `target` or `compare`."""

    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.set = {"dim": 64, "hidden": 128, **self.defaults, **options}
        self.encoder, self.width = encoder(backbone)
        self.head = self.make_head()
        self.latest: tuple[Any, Any] | None = None

    def make_head(self) -> Any:
        """Return the projector."""
        last = bool(self.set.get("last_norm", False))
        return head(self.width, self.set["hidden"], self.set["dim"], last_norm=last)

    def stop(self, target: Any) -> Any:
        """Return a target without its gradient."""
        return target.detach()

    def project(self, images: Any) -> Any:
        """Return embeddings (n, dim), not normalised."""
        return self.head(self.encoder(images))

    def both(self, batch: Batch) -> tuple[Any, Any]:
        """Return the embeddings of both views and keep them for the monitor."""
        first, second = self.project(batch.first), self.project(batch.second)
        self.latest = (first.detach(), second.detach())
        return first, second

    def losses(self, batch: Batch) -> Terms:
        """Return `loss`, to be minimised, and its terms."""
        raise NotImplementedError

    def advance(self, progress: float) -> dict[str, float]:
        """Do what follows the optimiser's step; `progress` runs from 0 to 1."""
        del progress
        return {}


class SimCLR(Method):
    """NT-Xent. `compare` is the loss of two embeddings at a temperature."""

    defaults: ClassVar[Mapping[str, Any]] = {"temperature": 0.2}
    compare = staticmethod(losses.nt_xent)

    def losses(self, batch: Batch) -> Terms:
        first, second = self.both(batch)
        return {"loss": self.compare(first, second, self.set["temperature"])}


class SupCon(Method):
    """SimCLR with every image of the class as a positive."""

    defaults: ClassVar[Mapping[str, Any]] = {"temperature": 0.1}

    def losses(self, batch: Batch) -> Terms:
        first, second = self.both(batch)
        return {"loss": losses.sup_con(first, second, batch.labels, self.set["temperature"])}


class CLIP(Method):
    """Two towers: an image, and its caption of three tokens: the class and two of its details.

    The details say in which quarter of the image there is most ink, and how much there is.
    """

    defaults: ClassVar[Mapping[str, Any]] = {"temperature": 0.07}

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.words = nn.Embedding(22, 64)
        self.text = head(3 * 64, 128, self.set["dim"], norm=False)
        self.scale = nn.Parameter(torch.tensor(1 / self.set["temperature"]).log())

    def caption(self, batch: Batch) -> Any:
        """Return token ids (n, 3)."""
        ink = batch.images.flatten(1).mean(dim=1)
        level = torch.bucketize(ink, torch.linspace(-0.4, 0.4, 7))
        quarters = nn.functional.avg_pool2d(batch.images, 8).flatten(1)
        return torch.stack([batch.labels, 10 + quarters.argmax(dim=1), 14 + level], dim=1)

    def losses(self, batch: Batch) -> Terms:
        texts = self.text(self.words(self.caption(batch)).flatten(1))
        images = self.project(batch.first)
        self.latest = (images.detach(), texts.detach())
        scale = self.scale.exp().clamp(max=100)
        return {"loss": losses.clip(images, texts, scale), "logit_scale": scale}


class MoCo(Method):
    """A queue of keys from a slowly moving encoder.

    It starts with random directions, or empty (`start: empty`): then the loss rises while it
    fills, as it does when random keys give way to real ones.
    """

    defaults: ClassVar[Mapping[str, Any]] = {
        "temperature": 0.2,
        "queue_size": 2048,
        "momentum": 0.99,
        "start": "random",
    }

    def __init__(self, backbone: str, options: Mapping[str, Any]) -> None:
        super().__init__(backbone, options)
        self.teacher = frozen_copy(nn.Sequential(self.encoder, self.head))
        self.fill_queue()

    def fill_queue(self) -> None:
        """Put random directions in the queue, or nothing."""
        rows = 0 if self.set["start"] == "empty" else self.set["queue_size"]
        self.queue = losses.unit(torch.randn(rows, self.set["dim"]))
        self.pointer = 0

    def losses(self, batch: Batch) -> Terms:
        with torch.no_grad():
            key = losses.unit(self.teacher(batch.second))
        query = losses.unit(self.project(batch.first))
        self.latest = (query.detach(), key)
        logits = losses.queue_logits(query, key, self.queue, self.set["temperature"])
        loss = nn.functional.cross_entropy(logits, torch.zeros(len(key), dtype=torch.long))
        accuracy = (logits.argmax(dim=1) == 0).float().mean()
        self.queue = torch.cat([self.queue, key])[-self.set["queue_size"] :]
        self.pointer = (self.pointer + len(key)) % self.set["queue_size"]
        return {"loss": loss, "contrast_acc": accuracy}

    def advance(self, progress: float) -> dict[str, float]:
        del progress
        student = nn.Sequential(self.encoder, self.head)
        move_average(self.teacher, student, float(self.set["momentum"]))
        return {"momentum": self.set["momentum"], "queue_ptr": float(self.pointer)}


class VICReg(Method):
    """Invariance, variance and covariance. `compare` gives the three terms."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "sim_coeff": 25.0,
        "std_coeff": 25.0,
        "cov_coeff": 1.0,
    }
    compare = staticmethod(losses.vicreg_terms)

    def losses(self, batch: Batch) -> Terms:
        terms = self.compare(*self.both(batch))
        loss = self.set["sim_coeff"] * terms["inv"] + self.set["std_coeff"] * terms["var"]
        return {"loss": loss + self.set["cov_coeff"] * terms["cov"], **terms}


class BarlowTwins(Method):
    """Cross-correlation near the identity, times `scale_loss`."""

    defaults: ClassVar[Mapping[str, Any]] = {"lambd": 0.0051, "scale_loss": 1.0}

    def losses(self, batch: Batch) -> Terms:
        terms = losses.barlow_terms(*self.both(batch))
        loss = terms["on_diag"] + self.set["lambd"] * terms["off_diag"]
        return {"loss": self.set["scale_loss"] * loss, **terms}
