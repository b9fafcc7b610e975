"""Two processes with half a batch each equal one with the whole, for the contrastive losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from method_checks import clouds, mixed_gradient, share
from torch import nn
from torch.nn.functional import normalize
from two_processes import run_two

from reference_impl.method import Batch
from reference_impl.methods.clip import clip_loss
from reference_impl.methods.moco_v2 import MoCoV2, MoCoV2Config
from reference_impl.methods.moco_v3 import batch_info_nce, moco_v3_loss
from reference_impl.methods.siglip import siglip_loss
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.supcon import supcon_loss

BATCH, DIM = 8, 5
LABELS = torch.tensor([0, 1, 0, 2, 1, 1, 0, 3])


def supervised(first: Any, second: Any, convention: Any) -> Any:
    return supcon_loss(first, second, share(LABELS), convention=convention)


def v3(*views: Any) -> Any:
    return moco_v3_loss(views[:2], views[2:], temperature=0.3)


CASES: Mapping[str, tuple[Callable[..., Any], int]] = {
    "simclr": (partial(nt_xent, temperature=0.3), 2),
    "simclr, decoupled": (partial(nt_xent, decoupled=True), 2),
    "supcon, out": (partial(supervised, convention="out"), 2),
    "supcon, in": (partial(supervised, convention="in"), 2),
    "supcon, in_sum": (partial(supervised, convention="in_sum"), 2),
    "moco v3": (v3, 4),
    "moco v3, one direction": (batch_info_nce, 2),
    "clip": (lambda x, y: clip_loss(x, y, 7.0), 2),
    "siglip": (lambda x, y: siglip_loss(x, y, 7.0, -3.0), 2),
}
"""Loss and number of views."""


class Flat(nn.Module):  # type: ignore[misc, unused-ignore]
    """A linear encoder without BatchNorm, so that a share of a batch sees no less than all."""

    width = 6

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, self.width)

    def forward(self, images: Any) -> Any:
        return self.linear(images.flatten(1)).tanh()


def moco_queue() -> Any:
    """Return the loss and the queue of MoCo v2 after a step, half of the images here."""
    torch.manual_seed(3)
    model = MoCoV2(Flat(), MoCoV2Config(queue_size=16, dim=DIM)).double()
    views = tuple(torch.randn(BATCH, 1, 2, 2, dtype=torch.float64) for _ in range(2))
    output = model(Batch(views=tuple(share(view) for view in views)))
    model.after_update(0.0)
    return float(output.loss.detach()), model.queue


def answers() -> dict[str, Any]:
    """Return what each case gives to this process, and MoCo's queue."""
    found: dict[str, Any] = {
        name: mixed_gradient(loss, clouds(BATCH, DIM, views=views))
        for name, (loss, views) in CASES.items()
    }
    return {**found, "queue": moco_queue()}


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return answers()


@pytest.fixture(scope="module")
def together() -> list[dict[str, Any]]:
    return run_two(answers)


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_those_of_the_whole_batch(
    name: str, alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    loss, gradient = alone[name]
    assert gradient.abs().max() > 0
    for both in together:
        other_loss, other_gradient = both[name]
        assert other_loss == pytest.approx(loss, rel=1e-10)
        torch.testing.assert_close(other_gradient, gradient, rtol=1e-9, atol=1e-11)


def test_shuffled_keys_come_back_in_order_and_all_enter_the_queue(
    alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    loss, queue = alone["queue"]
    assert sum(both["queue"][0] for both in together) / 2 == pytest.approx(loss, rel=1e-10)
    for both in together:
        torch.testing.assert_close(both["queue"][1], queue, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(normalize(queue, dim=1), queue)
