"""LARS (You et al., arXiv:1708.03888): SGD whose step is scaled to the weights, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from reference_impl.shapes import Tensor

TRUST = 0.001
"""Default trust coefficient of SimCLR's code (google-research/simclr at 036ea7b,
lars_optimizer.py) and Barlow Twins' (facebookresearch/barlowtwins at 046eec3, main.py)."""


class LARS(Optimizer):
    """SGD with momentum on d = gradient + weight_decay w, scaled by trust ||w|| / ||d||.

    The scale is 1 where either norm is 0 and in groups with `adapt` False, which also take no
    weight decay in the groups that `build_optimizer` makes. The momentum buffer holds scaled
    updates, to which the learning rate is applied last:

        m <- momentum m + scale d;  w <- w - lr m

    as Barlow Twins' code does; SimCLR's puts lr into m, which differs while lr changes. No value
    leaves the device.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust: float = TRUST,
        adapt: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust": trust,
            "adapt": adapt,
        }
        super().__init__(params, defaults)

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def step(self, closure: Any = None) -> Any:
        """Update all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if weights := [weight for weight in group["params"] if weight.grad is not None]:
                self._update(weights, group)
        return loss

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        updates = [weight.grad for weight in weights]
        if group["weight_decay"]:
            updates = list(torch._foreach_add(updates, weights, alpha=group["weight_decay"]))
        if group["adapt"]:
            scales = _scales(weights, updates, group["trust"])
            updates = list(torch._foreach_mul(updates, scales))
        buffers = [self._buffer(weight) for weight in weights]
        torch._foreach_mul_(buffers, group["momentum"])
        torch._foreach_add_(buffers, updates)
        torch._foreach_add_(weights, buffers, alpha=-group["lr"])

    def _buffer(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
        buffer: Tensor = state["momentum"]
        return buffer


def _scales(weights: list[Tensor], updates: list[Tensor], trust: float) -> list[Tensor]:
    weight_norms = torch.stack(torch._foreach_norm(weights))
    update_norms = torch.stack(torch._foreach_norm(updates))
    scaled = trust * weight_norms / update_norms
    usable = (weight_norms > 0) & (update_norms > 0)
    return list(torch.where(usable, scaled, torch.ones_like(scaled)).unbind())
