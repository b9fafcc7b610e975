"""Sinkhorn, SwAV, DINO, iBOT, KoLeo, MAE and I-JEPA: two processes together do what one does.

Everything is computed in one pair of processes, since starting them costs more than the checks.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from two_processes import run_two

from reference_impl import distributed
from reference_impl.losses.ibot import ibot_loss
from reference_impl.losses.koleo import koleo_loss
from reference_impl.losses.self_distillation import dino_loss, moved_center, teacher_distribution
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.method import Batch
from reference_impl.methods.dino import (
    DINO,
    DINOConfig,
)
from reference_impl.methods.i_jepa import i_jepa_loss
from reference_impl.methods.mae import mae_loss
from reference_impl.methods.swav import SwAV, SwAVConfig, swav_loss, view_codes

IMAGES = 8
UNEVEN = {"even": [4, 4], "uneven": [3, 5], "empty": [0, 8]}
"""Rows that the first and the second process bring to Sinkhorn and to a centre."""


def weights() -> list[torch.Tensor]:
    """Return what the losses differentiate: features to embeddings, embeddings to prototypes."""
    torch.manual_seed(1)
    return [torch.randn(shape, dtype=torch.float64).requires_grad_() for shape in ((5, 6), (6, 7))]


def embed(images: torch.Tensor, layers: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return embeddings and cosines to prototypes."""
    embeddings = torch.tanh(images @ layers[0])
    units = functional.normalize(embeddings, dim=1)
    return embeddings, units @ functional.normalize(layers[1], dim=0)


def losses(images: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return each loss of `images` (images, views, 5), which this process holds."""
    layers = weights()
    views = [embed(images[:, view], layers) for view in range(3)]
    scores = [cosines for _, cosines in views]
    teacher = [teacher_distribution(cosines, 0.2) for cosines in scores[:2]]
    mask = images[:, 0, :4] > 0
    mask[:, 0] = True
    patches = (images[:, 0, :4, None] * images[:, 1, None])[mask]
    student, target = embed(patches, layers)[1], embed(patches.flip(1), layers)[1].detach()
    found = {
        "swav": swav_loss(scores, view_codes(scores[:2], epsilon=0.3)),
        "swav joint": swav_loss(scores, view_codes(scores[:2], epsilon=0.3, codes="joint")),
        "dino": dino_loss(scores, teacher),
        "koleo": koleo_loss(views[0][0]),
        "ibot": ibot_loss(student, sinkhorn(target, 0.3), mask),
        "ibot per token": ibot_loss(student, sinkhorn(target, 0.3), mask, convention="per_token"),
        "mae": mae_loss(views[0][0][:, None], images[:, 1, None].tile(1, 1, 2)[..., :6]),
        "i_jepa": i_jepa_loss(views[0][0][:, None], views[1][0][:, None]),
    }
    grads = {}
    for name, loss in found.items():
        grads[name] = torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, layers, retain_graph=True,
                                                      materialize_grads=True)]
        )  # fmt: skip
    return {f"{name} loss": loss.detach() for name, loss in found.items()} | grads


class Linear(nn.Module):  # type: ignore[misc, unused-ignore]
    """The smallest encoder."""

    width = 6

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 6)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layer(images.flatten(1))
        return features


def method_named(name: str) -> Any:
    """Return a small method without BatchNorm, whose statistics would be local."""
    torch.manual_seed(2)
    if name == "dino":
        config = DINOConfig(
            prototypes=9, hidden_width=8, bottleneck=4, small_crops=0, freeze_last_layer=0.0
        )
        return DINO(Linear(), config).double()
    swav = SwAV(
        Linear(),
        SwAVConfig(
            prototypes=9, dim=4, hidden_width=8, small_crops=0, queue_size=8, queue_start=0.0
        ),
    )
    swav.head = nn.Linear(6, 4)
    return swav.double()


def trained(name: str) -> list[torch.Tensor]:
    """Return the parameters and buffers after three updates on this process's images."""
    torch.manual_seed(3)
    method = method_named(name)
    several = distributed.world() > 1
    model = DistributedDataParallel(method) if several else method
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.5)
    for step in range(3):
        images = torch.randn(2, IMAGES, 1, 4, 4, dtype=torch.float64)
        if several:
            images = images.chunk(2, dim=1)[distributed.rank()]
        optimizer.zero_grad()
        model(Batch(tuple(images))).loss.backward()
        method.before_update(step / 3)
        optimizer.step()
        method.after_update(step / 3)
    state = method.state_dict()
    return [state[key] for key in sorted(state) if isinstance(state[key], torch.Tensor)]


def all_images() -> torch.Tensor:
    """Return the images (images, views, 5) of both processes together."""
    torch.manual_seed(0)
    return torch.randn(IMAGES, 3, 5, dtype=torch.float64)


def everything() -> dict[str, Any]:
    """Return what one of two processes finds, as lists."""
    rank = distributed.rank()
    found: dict[str, Any] = losses(all_images().chunk(2)[rank])
    rows = torch.randn(IMAGES, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for name, counts in UNEVEN.items():
        mine = rows.split(counts)[rank]
        found[f"codes {name}"] = sinkhorn(mine, 0.5)
        found[f"codes {name} in logarithms"] = sinkhorn(mine, 0.01)
        found[f"centre {name}"] = moved_center(torch.zeros(6, dtype=torch.float64), mine)
    plain = {name: value.tolist() for name, value in found.items()}
    for name in ("dino", "swav"):
        plain[f"trained {name}"] = [value.tolist() for value in trained(name)]
    return plain


@pytest.fixture(scope="module")
def of_two() -> list[dict[str, Any]]:
    """Return what each of two processes found."""
    return run_two(everything)


def close(found: Any, expected: torch.Tensor) -> None:
    """Compare lists with a tensor."""
    torch.testing.assert_close(torch.tensor(found, dtype=expected.dtype), expected)


def test_losses_and_gradients_average_to_those_of_the_whole_batch(
    of_two: list[dict[str, Any]],
) -> None:
    whole = losses(all_images())
    for name, expected in whole.items():
        parts = torch.tensor([one[name] for one in of_two], dtype=torch.float64)
        torch.testing.assert_close(
            parts.mean(dim=0), expected, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_codes_and_centres_do_not_depend_on_who_holds_which_row(
    of_two: list[dict[str, Any]],
) -> None:
    rows = torch.randn(IMAGES, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for name in UNEVEN:
        first, second = (one[f"codes {name}"] for one in of_two)
        close(first + second, sinkhorn(rows, 0.5))
        first, second = (one[f"codes {name} in logarithms"] for one in of_two)
        close(first + second, sinkhorn(rows, 0.01))
        for one in of_two:
            close(one[f"centre {name}"], 0.1 * rows.mean(dim=0))


@pytest.mark.parametrize("name", ["dino", "swav"])
def test_training_with_ddp_ends_with_the_weights_of_one_process(
    of_two: list[dict[str, Any]], name: str
) -> None:
    expected = trained(name)
    for one in of_two:
        for found, value in zip(one[f"trained {name}"], expected, strict=True):
            close(found, value)
