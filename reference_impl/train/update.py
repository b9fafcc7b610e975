"""One update: forward and backward over its parts, clipping, the optimiser, what follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from reference_impl.method import Batch, ClipScope, Method, StepOutput
from reference_impl.monitor.sample import gradient_norms
from reference_impl.optim import Schedule, clip_gradients, set_schedule
from reference_impl.shapes import Tensor
from reference_impl.train.hardware import autocast
from reference_impl.train.spec import Precision


@dataclass
class Updater:
    """Trains `method`; `forward` is the same module, wrapped for several processes or not."""

    method: Method
    forward: nn.Module
    optimizer: Any
    scaler: Any
    schedule: Schedule
    grad_clip: float | None
    grad_clip_scope: ClipScope
    precision: Precision
    device: str
    cuda_graph: bool = False
    _graphed: Callable[[Batch], StepOutput] | None = None

    def update(self, step: int, parts: Sequence[Batch], *, watched: bool) -> Update:
        """Do update `step`, counted from 0, on a batch in parts whose gradients are averaged.

        Norms of gradients are taken when `watched`: they cost a pass over the weights.
        """
        progress = step / self.schedule.total
        lr, decay = self.schedule.lr(step), self.schedule.decay(step)
        set_schedule(self.optimizer, lr, decay)
        # A captured graph writes into the same gradients each time.
        self.optimizer.zero_grad(set_to_none=not self.cuda_graph)
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            output = self._backward(part, len(parts), last=last)
        values: dict[str, Any] = {"lr": lr, "wd": decay}
        if watched or self.grad_clip is not None:
            self.scaler.unscale_(self.optimizer)
        if watched:
            values |= gradient_norms(self.method)
        if self.grad_clip is not None:
            clip_gradients(self.method.parameters(), self.grad_clip, self.grad_clip_scope)
        self.method.before_update(progress)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.scaler.is_enabled() and watched:
            values["amp_scale"] = self.scaler.get_scale()
        values |= self.method.after_update(progress)
        return Update(output, values)

    def _backward(self, part: Batch, parts: int, *, last: bool) -> StepOutput:
        if self.cuda_graph:
            if self._graphed is None:
                weights = list(self.method.parameters())
                self._graphed = captured(lambda batch: self._once(batch, parts), part, weights)
            return self._graphed(part)
        # Gradients of several processes are exchanged once an update.
        waits = nullcontext() if last or self.forward is self.method else self.forward.no_sync()
        with waits:
            return self._once(part, parts)

    def _once(self, part: Batch, parts: int) -> StepOutput:
        with autocast(self.precision, self.device, cached=not self.cuda_graph):
            output: StepOutput = self.forward(part)
        self.scaler.scale(output.loss / parts).backward()
        return replace(output, loss=output.loss.detach())


@dataclass(frozen=True)
class Update:
    """What an update gave: the output of its last part, its loss detached, and what else is
    worth logging, under vocabulary names."""

    output: StepOutput
    values: Mapping[str, Any]


WARM_UPS = 3
"""Steps before the capture, in which libraries choose their kernels and allocate: three, as
PyTorch's notes on CUDA graphs do. Their gradients are thrown away, but running statistics of
norms, and whatever else a method's step keeps, have then seen the first batch that often."""


def captured(
    step: Callable[[Batch], StepOutput], example: Batch, weights: Sequence[Tensor]
) -> Callable[[Batch], StepOutput]:
    """Return `step` as one CUDA graph: it then costs one launch instead of thousands.

    Each call adds to the gradients of `weights`, which must be zeroed in place, never dropped.
    What it returns lies in memory that the next call overwrites.
    """
    held = _copied(example)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            step(held)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = step(held)
    torch._foreach_zero_([one.grad for one in weights if one.grad is not None])

    def replay(batch: Batch) -> StepOutput:
        for target, source in zip(_tensors(held), _tensors(batch), strict=True):
            target.copy_(source)
        graph.replay()
        return output

    return replay


def _tensors(batch: Batch) -> list[Tensor]:
    held = [*batch.views, *batch.small, batch.labels, batch.texts]
    return [one for one in held if one is not None]


def _copied(batch: Batch) -> Batch:
    return Batch(
        tuple(one.clone() for one in batch.views),
        tuple(one.clone() for one in batch.small),
        None if batch.labels is None else batch.labels.clone(),
        None if batch.texts is None else batch.texts.clone(),
    )
