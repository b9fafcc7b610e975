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
    """Copies of a step's tensors, which may be read after `wait`."""

    step: int
    numbers: dict[str, float] = field(default_factory=dict)
    scalars: dict[str, Float[Tensor, ""]] = field(default_factory=dict)
    features: Float[Tensor, "batch width"] | None = None
    embeddings: tuple[Float[Tensor, "batch dim"], ...] = ()
    probabilities: Float[Tensor, "batch prototypes"] | None = None
    gpus: set[torch.device] = field(default_factory=set)
    """CUDA devices that copies are under way from."""
    _ready: list[Any] = field(default_factory=list)

    def add(self, numbers: Mapping[str, Any]) -> None:
        """Keep scalars, given as numbers or as tensors of one element."""
        for name, value in numbers.items():
            if isinstance(value, Tensor):
                self.scalars[name] = self._copy(value.detach().float().reshape(()))
            else:
                self.numbers[name] = float(value)

    def rows(self, tensor: Tensor, most: int) -> Float[Tensor, "batch dim"]:
        """Return at most `most` rows of (batch, dim) as float32 on the host.

        What has more dimensions is averaged over positions: (batch, tokens, dim) over the tokens,
        (batch, channels, height, width) and the like over everything behind the channels. The
        first rows are taken: a random choice would use up the training's random numbers.
        """
        few = tensor.detach()[:most]
        if few.dim() > 2:
            positions = [1] if few.dim() == 3 else list(range(2, few.dim()))
            few = few.mean(positions, dtype=torch.float32)
        return self._copy(few.flatten(1).float())

    def mark(self) -> None:
        """Put an event behind all copies ordered so far, on each GPU that they come from."""
        for gpu in self.gpus:
            with torch.cuda.device(gpu):
                event = torch.cuda.Event()
                event.record()
            self._ready.append(event)

    def wait(self) -> None:
        """Wait until the copies are whole."""
        for event in self._ready:
            event.synchronize()

    def _copy(self, tensor: Tensor) -> Tensor:
        if tensor.device.type == "cuda":
            self.gpus.add(tensor.device)
        return to_host(tensor)


def to_host(tensor: Tensor) -> Tensor:
    """Return a copy on the host; from a CUDA device it is only on its way when this returns."""
    if tensor.device.type != "cuda":
        return tensor.detach().to("cpu", copy=True)
    target = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return target.copy_(tensor.detach(), non_blocking=True)


def on_gpu(*given: Any) -> bool:
    """Tell whether any of these, tensors or whatever else, is on a CUDA device."""
    return any(isinstance(one, Tensor) and one.device.type == "cuda" for one in given)


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
