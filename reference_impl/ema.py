"""A target network that follows another: an exponential moving average of its weights."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn

from reference_impl.shapes import Float, Tensor


def frozen_copy(module: nn.Module) -> Any:
    """Return a copy of `module` whose parameters take no gradient."""
    copied = copy.deepcopy(module)
    copied.requires_grad_(False)
    return copied


@torch.no_grad()
def move_average(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Set every parameter of `target` to `momentum * target + (1 - momentum) * online`.

    Buffers (BatchNorm's running statistics) are left alone: the target's own forward passes in
    training mode keep them, as in the official BYOL, MoCo and DINO code.
    """
    targets, onlines = list(target.parameters()), list(online.parameters())
    if len(targets) != len(onlines):
        raise ValueError(f"target has {len(targets)} parameters, online {len(onlines)}")
    if targets:
        torch._foreach_lerp_(targets, onlines, 1.0 - momentum)


def cosine_to_one(start: float, progress: float) -> float:
    """Return a momentum that rises from `start` to 1 along half a cosine; `progress` is 0 to 1.

    BYOL (arXiv:2006.07733, section 3.2): 1 - (1 - start) (cos(pi progress) + 1) / 2.
    """
    return 1.0 - (1.0 - start) * (math.cos(math.pi * progress) + 1.0) / 2.0


def linear_to(start: float, end: float, progress: float) -> float:
    """Return the value between `start` and `end` at `progress`, 0 to 1."""
    return start + (end - start) * progress


@torch.no_grad()
def lag(target: nn.Module, online: nn.Module) -> Float[Tensor, ""]:
    """Return ||online - target|| / ||online|| over all parameters, how far the target trails.

    Stays on the device: whoever reads the number waits for it.
    """
    onlines = [one.detach().float() for one in online.parameters()]
    targets = [one.detach().float() for one in target.parameters()]
    apart = torch.stack(torch._foreach_norm(torch._foreach_sub(onlines, targets)))
    length = torch.stack(torch._foreach_norm(onlines))
    return torch.linalg.vector_norm(apart) / torch.linalg.vector_norm(length)
