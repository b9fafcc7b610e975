"""Clipping of gradients by the norm of all of them, or of each alone."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from reference_impl.method import ClipScope

_EPS = 1e-6
"""Added to a norm before dividing by it, as DINO's code does (facebookresearch/dino at 7c446df,
utils.py, line 138) and torch's own clip_grad_norm_."""


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def clip_gradients(parameters: Iterable[nn.Parameter], norm: float, scope: ClipScope) -> None:
    """Scale gradients in place so that none has a norm above `norm`.

    "global" takes the norm of all gradients together, as torch does; "tensor" that of each
    parameter's gradient alone, as DINO and iBOT do (utils.py, `clip_gradients`). No value leaves
    the device.
    """
    if scope == "global":
        nn.utils.clip_grad_norm_(parameters, norm)
        return
    gradients = [weight.grad for weight in parameters if weight.grad is not None]
    if gradients:
        norms = torch.stack(torch._foreach_norm(gradients))
        shares = (norm / (norms + _EPS)).clamp(max=1.0)
        torch._foreach_mul_(gradients, list(shares.unbind()))
