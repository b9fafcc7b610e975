"""Large effective batches in little memory: embed in chunks, contrast all, embed again.

Accumulating gradients gives a contrastive loss no more negatives: each part is contrasted with
itself alone. GradCache (https://arxiv.org/abs/2101.06983; code
https://github.com/luyug/GradCache/tree/906f03835fbc183132a9db32612a9e8f180ca3b4) gives the
gradient of the whole batch: embed every chunk without a graph, take the gradient of the loss
with respect to all embeddings, then embed every chunk once more, with a graph, and send its share
of that gradient back. Memory is that of one chunk, at the cost of a second forward pass.

The result is exact where a chunk's embeddings do not depend on the rest of the batch. Random
numbers are replayed, so that dropout draws the same mask twice. BatchNorm sees a chunk at a time,
as with any small batch; its running statistics are updated once, not twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from reference_impl.shapes import Float, Tensor


@dataclass(frozen=True)
class Source:
    """What to embed, and with what.

    `embed` maps a chunk of `inputs` along its first axis to embeddings (chunk, dim); `module` is
    the network inside, whose buffers must not move twice. `without_sync` is the `no_sync` of its
    DistributedDataParallel: it is entered for all chunks but the module's last, so that processes
    exchange its gradients once.
    """

    embed: Callable[[Tensor], Float[Tensor, "chunk dim"]]
    inputs: Tensor
    module: nn.Module
    without_sync: Callable[[], AbstractContextManager[Any]] = nullcontext


def cached_backward(
    sources: Sequence[Source],
    loss_of: Callable[..., Float[Tensor, ""]],
    chunk: int,
    *,
    loss_scale: Callable[[Tensor], Tensor] = lambda loss: loss,
) -> Float[Tensor, ""]:
    """Add the gradient of `loss_of(*embeddings)` to every parameter and return the loss, detached.

    `embeddings` are those of each source, whole. Parameters inside `loss_of` (a learnt scale) get
    their gradient too; no DistributedDataParallel sees it, so average it over processes yourself.
    `chunk` is how many rows are embedded at once, `loss_scale` GradScaler's `scale` or nothing.
    Raises ValueError for a chunk below 1 or a source without rows.
    """
    if chunk < 1 or not sources or any(len(source.inputs) == 0 for source in sources):
        sizes = [len(source.inputs) for source in sources]
        raise ValueError(f"expected chunks of 1 or more and rows to embed, found {chunk}, {sizes}")
    states: list[list[_RandomState]] = []
    whole: list[Tensor] = []
    for source in sources:
        with torch.no_grad(), _buffers_restored(source.module):
            drawn, parts = [], []
            for rows in source.inputs.split(chunk):
                drawn.append(_RandomState.now())
                parts.append(source.embed(rows))
        states.append(drawn)
        whole.append(torch.cat(parts).requires_grad_())
    # Before torch 2.11 autocast keeps the casts made without gradient, and the second pass would
    # use them: weights would get no gradient at all (pytorch/pytorch#142234).
    torch.clear_autocast_cache()
    after = _RandomState.now()
    loss = loss_of(*whole)
    loss_scale(loss).backward()
    todo = [
        (source, rows, state, grad)
        for source, drawn, embeddings in zip(sources, states, whole, strict=True)
        for rows, state, grad in zip(
            source.inputs.split(chunk), drawn, _gradient(embeddings).split(chunk), strict=True
        )
    ]
    last = {source.module: number for number, (source, *_) in enumerate(todo)}
    for number, (source, rows, state, grad) in enumerate(todo):
        with nullcontext() if number == last[source.module] else source.without_sync():
            state.restore()
            source.embed(rows).backward(grad)
    after.restore()
    return loss.detach()


def _gradient(embeddings: Tensor) -> Tensor:
    return torch.zeros_like(embeddings) if embeddings.grad is None else embeddings.grad


@dataclass(frozen=True)
class _RandomState:
    """The state of torch's generators, of the CPU and of the current CUDA device."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls) -> _RandomState:
        on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state() if on_gpu else None)

    def restore(self) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)


@contextmanager
def _buffers_restored(module: nn.Module) -> Iterator[None]:
    """Undo what happens to the buffers inside: running statistics count a batch once."""
    before = [(buffer, buffer.clone()) for buffer in module.buffers()]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
