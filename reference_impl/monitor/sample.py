"""What is taken from one step: a few rows and scalars, copied without holding up the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from reference_impl.shapes import Float, Tensor


@dataclass
class Sample:
    """Copies of a step's tensors. `ready` is the CUDA event after which they may be read."""

    step: int
    numbers: dict[str, float] = field(default_factory=dict)
    scalars: dict[str, Float[Tensor, ""]] = field(default_factory=dict)
    features: Float[Tensor, "batch width"] | None = None
    embeddings: tuple[Float[Tensor, "batch dim"], ...] = ()
    probabilities: Float[Tensor, "batch prototypes"] | None = None
    ready: Any = None

    def add(self, numbers: Mapping[str, Any]) -> None:
        """Keep scalars, given as numbers or as tensors of one element."""
        for name, value in numbers.items():
            if isinstance(value, Tensor):
                self.scalars[name] = to_host(value.detach().float().reshape(()))
            else:
                self.numbers[name] = float(value)

    def wait(self) -> None:
        """Wait until the copies are whole."""
        if self.ready is not None:
            self.ready.synchronize()


def to_host(tensor: Tensor) -> Tensor:
    """Return a copy on the host; from a GPU it is only on its way when this returns."""
    if tensor.device.type != "cuda":
        return tensor.detach().clone()
    target = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return target.copy_(tensor.detach(), non_blocking=True)


def mark(device: torch.device) -> Any:
    """Return an event behind all copies ordered so far, or None where copies are at once."""
    if device.type != "cuda":
        return None
    event = torch.cuda.Event()
    event.record()
    return event


def rows_of(tensor: Tensor, most: int) -> Float[Tensor, "batch dim"]:
    """Return at most `most` rows as (rows, everything else) float32 on the host.

    The first rows are taken: a random choice would use up the training's random numbers.
    """
    flat = tensor.detach()[:most].flatten(1)
    return to_host(flat.float())


def gradient_norms(model: nn.Module) -> dict[str, Float[Tensor, ""]]:
    """Return the norm of all gradients, of the first and of the last parameter that has one."""
    gradients = [one.grad for one in model.parameters() if one.grad is not None]
    if not gradients:
        return {}
    norms = torch.stack([one.float() for one in torch._foreach_norm(gradients)])
    return {
        "grad_norm": torch.linalg.vector_norm(norms),
        "grad_norm_first": norms[0],
        "grad_norm_last": norms[-1],
    }
