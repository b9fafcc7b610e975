"""An optimiser for a method by its recipe, with norms and biases in a group of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from reference_impl.method import Recipe
from reference_impl.optim.lars import LARS


def build_optimizer(method: nn.Module, recipe: Recipe, lr: float) -> Any:
    """Return the recipe's optimiser over all parameters of `method` that take gradients.

    With `exclude_norm_and_bias`, parameters of fewer than two dimensions (biases, the scales of
    norms, a learnt temperature) take no weight decay and, with LARS, no layer-wise scaling; their
    learning rate is `excluded_lr_share` of the others'.
    """
    trained = [weight for weight in method.parameters() if weight.requires_grad]
    excluded = [w for w in trained if recipe.exclude_norm_and_bias and w.ndim < 2]
    kept = [w for w in trained if not recipe.exclude_norm_and_bias or w.ndim >= 2]
    groups: list[dict[str, Any]] = [
        {"params": kept, "weight_decay": recipe.weight_decay, "decays": True, "lr_share": 1.0},
        {
            "params": excluded,
            "weight_decay": 0.0,
            "decays": False,
            "lr_share": recipe.excluded_lr_share,
        },
    ]
    groups = [group | {"lr": lr * group["lr_share"]} for group in groups if group["params"]]
    if recipe.optimizer == "lars":
        for group in groups:
            group["adapt"] = group["decays"]
        return LARS(groups, lr, momentum=recipe.momentum)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr, betas=recipe.betas)
    return torch.optim.SGD(groups, lr, momentum=recipe.momentum)


def set_schedule(optimizer: Any, lr: float, weight_decay: float) -> None:
    """Set each group's share of the learning rate, and the weight decay of those that decay."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_share"]
        if group["decays"]:
            group["weight_decay"] = weight_decay
