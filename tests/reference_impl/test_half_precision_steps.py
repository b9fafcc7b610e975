"""A whole step of SwAV, DINO (with iBOT and KoLeo), MAE and I-JEPA under autocast."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from reference_impl import registry
from reference_impl.encoders.vit import vit_mini
from reference_impl.method import Batch

SMALLER: dict[str, dict[str, Any]] = {
    "swav": {"prototypes": 16, "small_crops": 1, "queue_size": 8, "queue_start": 0.0},
    "dino": {"prototypes": 64, "small_crops": 1, "ibot_weight": 1.0, "koleo_weight": 0.1},
    "mae": {},
    "i_jepa": {},
}


def stepped(name: str, dtype: torch.dtype | None) -> tuple[float, dict[str, torch.Tensor]]:
    """Return loss and gradients of one step; the same weights, images and masks each time."""
    entry = registry.get(name)
    torch.manual_seed(0)
    encoder = vit_mini(1, 28, depth=2)
    method = entry.cls(encoder, replace(entry.preset("small").config, **SMALLER[name]))
    views = tuple(torch.randn(8, 1, 28, 28) for _ in range(method.plan.views))
    small = tuple(torch.randn(8, 1, 16, 16) for _ in range(method.plan.small))
    with torch.autocast("cpu", dtype=dtype or torch.bfloat16, enabled=dtype is not None):
        output = method(Batch(views, small))
    output.loss.backward()
    assert output.loss.dtype == torch.float32
    grads = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
    return float(output.loss.detach()), grads


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", SMALLER)
def test_loss_and_gradients_stay_near_those_of_single_precision(
    name: str, dtype: torch.dtype
) -> None:
    loss, grads = stepped(name, None)
    half_loss, half_grads = stepped(name, dtype)
    assert half_loss == pytest.approx(loss, rel=0.05)
    assert grads.keys() == half_grads.keys()
    for parameter, grad in half_grads.items():
        assert torch.isfinite(grad).all(), parameter
    whole = torch.cat([grads[key].flatten() for key in grads])
    half = torch.cat([half_grads[key].flatten().float() for key in grads])
    assert torch.nn.functional.cosine_similarity(whole, half, dim=0) > 0.95
