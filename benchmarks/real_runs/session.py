"""One training: the loop, its schedule and what it measures on the way."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.real_runs.data import Loader, load
from benchmarks.real_runs.losses import unit
from benchmarks.real_runs.masked import JEPA, MAE
from benchmarks.real_runs.measure import knn_accuracy, spread
from benchmarks.real_runs.methods import CLIP, BarlowTwins, Method, MoCo, SimCLR, SupCon, VICReg
from benchmarks.real_runs.spec import Spec
from benchmarks.real_runs.teachers import BYOL, DINO, SimSiam, SwAV

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "swav": SwAV,
    "dino": DINO,
    "barlow": BarlowTwins,
    "vicreg": VICReg,
    "mae": MAE,
    "jepa": JEPA,
    "supcon": SupCon,
    "clip": CLIP,
}

Row = dict[str, float]


class Session:
    """A model, its data, its optimiser and the step it is at.

    Faults use the hooks: `before_step` and `on_resume`, `lr_factor`, `schedule_offset`, and
    `loader.alter`.
    """

    def __init__(self, spec: Spec) -> None:
        torch.manual_seed(spec.seed)
        self.spec = spec
        self.images = load(spec.data)
        count = spec.images or len(self.images.train)
        self.loader = Loader(
            self.images.train[:count],
            self.images.train_labels[:count],
            spec.batch_size,
            spec.augment,
        )
        self.held_out = Loader(
            self.images.test, self.images.test_labels, min(spec.batch_size, 256), spec.augment
        )
        self.method = METHODS[spec.method](spec.encoder, spec.set)
        self.scaler = torch.amp.GradScaler(
            "cpu", enabled=spec.precision == "16", growth_interval=100
        )
        self.make_optimizer(self.trained())
        self.step = 0
        self.schedule_offset = 0
        self.lr_factor: Callable[[int], float] = lambda _: 1.0
        self.before_step: list[Callable[[int], None]] = []
        self.on_resume: list[Callable[[], None]] = []

    @property
    def epoch(self) -> int:
        """Return the epoch of the current step, from 0."""
        return self.step // self.per_epoch

    @property
    def per_epoch(self) -> int:
        """Return the number of steps of an epoch."""
        return max(1, self.loader.per_epoch // self.spec.accum)

    def trained(self) -> list[Any]:
        """Return the weights that take a gradient."""
        return [one for one in self.method.parameters() if one.requires_grad]

    def make_optimizer(self, weights: list[Any]) -> None:
        """Start a new optimiser over `weights`."""
        spec = self.spec
        if spec.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(
                weights, spec.lr, momentum=0.9, weight_decay=spec.weight_decay
            )
        else:
            kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[spec.optimizer]
            self.optimizer = kind(weights, spec.lr, weight_decay=spec.weight_decay)

    def lr(self) -> float:
        """Return the learning rate that the schedule gives at this step."""
        spec, step = self.spec, self.step - self.schedule_offset
        rate = spec.lr * self.lr_factor(self.step)
        if step < spec.warmup:
            return rate * (step + 1) / spec.warmup
        progress = (step - spec.warmup) / max(1, spec.steps - spec.warmup)
        if spec.schedule == "cosine":
            return rate * (1 + math.cos(math.pi * progress)) / 2
        if spec.schedule == "step":
            return rate * (1.0 if progress < 0.6 else 0.1 if progress < 0.85 else 0.01)
        return rate

    def update(self) -> Row:
        """Take one optimiser step; return what can be logged of it."""
        start = time.perf_counter()
        for hook in self.before_step:
            hook(self.step)
        rate = self.lr()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        row: Row = {}
        waited = 0.0
        for _ in range(self.spec.accum):
            batch = self.loader.next()
            waited += batch.seconds
            terms = self.method.losses(batch)
            self.scaler.scale(terms["loss"] / self.spec.accum).backward()
            for name, value in terms.items():
                row[name] = row.get(name, 0.0) + value.item() / self.spec.accum
        row["grad_norm"] = self._step_optimizer()
        progress = min(1.0, (self.step - self.schedule_offset) / self.spec.steps)
        row.update(self.method.advance(progress))
        row |= {"lr": rate, "wd": self.spec.weight_decay, "amp_scale": self.scaler.get_scale()}
        row |= self._monitored() | {"step": float(self.step), "epoch": float(self.epoch)}
        row |= {"data_time": waited, "step_time": time.perf_counter() - start}
        self.step += 1
        return row

    def _step_optimizer(self) -> float:
        """Clip, step and return the gradient norm before clipping."""
        self.scaler.unscale_(self.optimizer)
        weights = [one for one in self.trained() if one.grad is not None]
        norm = float(nn.utils.get_total_norm([one.grad for one in weights])) if weights else 0.0
        if self.spec.grad_clip:
            nn.utils.clip_grad_norm_(weights, self.spec.grad_clip)
        if any(one.grad is not None for one in self._optimized()):
            self.scaler.step(self.optimizer)
            self.scaler.update()
        for one in self.trained():
            one.grad = None
        return norm

    def _optimized(self) -> list[Any]:
        return [one for group in self.optimizer.param_groups for one in group["params"]]

    def _monitored(self) -> Row:
        if self.method.latest is None:
            return {}
        first, second = self.method.latest
        row = {"raw_std": float(first.std(dim=0).mean()), "z_std": float(unit(first).std(0).mean())}
        if first.shape == second.shape:
            similar = unit(first) @ unit(second).T
            positive = float(similar.diagonal().mean())
            rest = (float(similar.sum()) - positive * len(similar)) / (
                similar.numel() - len(similar)
            )
            hits = similar.argmax(dim=1) == torch.arange(len(similar))
            row |= {"pos_sim": positive, "neg_sim": rest, "match_acc": float(hits.float().mean())}
        return row

    def held_out_loss(self) -> float:
        """Return the mean loss over the held-out images, in evaluation mode."""
        watched = copy.deepcopy(self.method).eval()
        with torch.no_grad():
            found = [
                float(watched.losses(self.held_out.next())["loss"])
                for _ in range(self.held_out.per_epoch)
            ]
        return sum(found) / len(found)

    def knn(self) -> float:
        """Return the kNN accuracy of the features, between 0 and 1."""
        return knn_accuracy(self.method.encoder, self.images)

    def check(self) -> dict[str, float]:
        """Return kNN accuracy and spread (z_std times the root of its dimension) on held-out
        images: 1 for embeddings that look in all directions, 0 for a single point."""
        found = spread(self.method, self.images.test)
        return {"knn": round(self.knn(), 4), "spread": round(found, 4)}

    def snapshot(self) -> dict[str, Any]:
        """Return a checkpoint: everything that a resume done right needs."""
        whole = copy.deepcopy({"method": self.method, "optimizer": self.optimizer.state_dict()})
        return {**whole, "step": self.step}

    def resume(self, saved: dict[str, Any]) -> None:
        """Go back to a checkpoint, then let the faults lose what they lose."""
        kept: dict[str, Any] = self.method.__dict__
        kept.update(saved["method"].__dict__)
        self.make_optimizer(self.trained())
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step = saved["step"]
        for hook in self.on_resume:
            hook()
