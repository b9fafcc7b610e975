"""The losses that both this laboratory and lightly have, on the same inputs, for `loss_speed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from reference_impl.losses.ibot import ibot_loss
from reference_impl.losses.koleo import koleo_loss
from reference_impl.losses.self_distillation import dino_loss, moved_center, teacher_distribution
from reference_impl.methods.barlow import barlow_loss
from reference_impl.methods.byol import byol_loss
from reference_impl.methods.lejepa import random_directions, sigreg
from reference_impl.methods.moco_v2 import queue_info_nce
from reference_impl.methods.simclr import nt_xent
from reference_impl.methods.simsiam import simsiam_loss
from reference_impl.methods.swav import swav_loss, view_codes
from reference_impl.methods.vicreg import vicreg_loss
from reference_impl.methods.w_mse import w_mse_loss
from reference_impl.verify.peers import lightly_loss

Loss = Callable[..., Any]
"""Takes the inputs of its case and returns a scalar."""


@dataclass(frozen=True)
class Case:
    """A loss with its `tensors` inputs of (batch, width); `ours` and `theirs` make the function,
    which may hold state. `width` None stands for the width asked for."""

    tensors: int
    ours: Callable[[int], Loss]
    theirs: Callable[[int], Loss]
    width: int | None = None
    without_gradient: int = 0
    """How many of the inputs, counted from the end, take no gradient."""
    random: bool = False
    """Whether both sides draw at random, each in its own way: their values differ a little."""
    least: int = 8
    """Rows of the smallest batch that the loss takes, for a first pass that is not measured."""


def make_inputs(case: Case, batch: int, dim: int, seed: int = 0) -> list[Any]:
    """Return normal inputs, float32, leaves of the graph."""
    generator = torch.Generator().manual_seed(seed)
    width = case.width or dim
    drawn = [torch.randn(batch, width, generator=generator) for _ in range(case.tensors)]
    for each in drawn[: case.tensors - case.without_gradient]:
        each.requires_grad_()
    return drawn


def lightly(name: str, **settings: Any) -> Any:
    """Return a loss of lightly."""
    return lightly_loss(name)(**settings)


_QUEUE = 4096


def _moco(dim: int) -> Loss:
    queue = torch.nn.functional.normalize(torch.randn(_QUEUE, dim), dim=1)
    return lambda query, key: queue_info_nce(query, key, queue, temperature=0.2)


def _their_moco(dim: int) -> Loss:
    return lightly("NTXentLoss", temperature=0.2, memory_bank_size=(_QUEUE, dim))  # type: ignore[no-any-return]


def _byol(_: int) -> Loss:
    return lambda p, q, y, z: byol_loss((p, q), (y, z), convention="official")


def _their_byol(_: int) -> Loss:
    cosine = lightly("NegativeCosineSimilarity")
    return lambda p, q, y, z: 4 + 2 * (cosine(p, z) + cosine(q, y))


def _their_simsiam(_: int) -> Loss:
    cosine = lightly("NegativeCosineSimilarity")
    return lambda p, q, y, z: (cosine(p, z) + cosine(q, y)) / 2


def _simsiam(_: int) -> Loss:
    return lambda p, q, y, z: simsiam_loss((p, q), (y, z))


def _dino(prototypes: int) -> Loss:
    center = torch.zeros(prototypes)

    def loss(one: Any, other: Any, teacher_one: Any, teacher_other: Any) -> Any:
        nonlocal center
        teachers = (teacher_one, teacher_other)
        targets = [teacher_distribution(logits, 0.04, center) for logits in teachers]
        center = moved_center(center, torch.cat(teachers))
        return dino_loss((one, other), targets)

    return loss


def _their_dino(prototypes: int) -> Loss:
    module = lightly("DINOLoss", output_dim=prototypes)
    return lambda a, b, y, z: module([y, z], [a, b], epoch=40)


def _swav(_: int) -> Loss:
    def loss(one: Any, other: Any) -> Any:
        scores = (one.tanh(), other.tanh())
        return swav_loss(scores, view_codes([score.detach() for score in scores], bound=1.0))

    return loss


def _their_swav(_: int) -> Loss:
    module = lightly("SwaVLoss")
    return lambda one, other: module([one.tanh(), other.tanh()], [])


def _sigreg(dim: int) -> Loss:
    directions = random_directions(
        dim, 1024, seed=0, device=torch.device("cpu"), dtype=torch.float32
    )
    return lambda rows: sigreg(rows, directions)


def _their_sigreg(_: int) -> Loss:
    module = lightly("SIGReg")
    return lambda rows: module(rows[None])


_MASK_IMAGES, _MASK_PATCHES = 8, 196


def _mask(batch: int) -> Any:
    """Return a mask of so many patches, spread evenly over the images."""
    mask = torch.zeros(_MASK_IMAGES, _MASK_PATCHES, dtype=torch.bool)
    mask[:, : batch // _MASK_IMAGES] = True
    return mask


def _ibot(prototypes: int) -> Loss:
    center = torch.zeros(prototypes)

    def loss(student: Any, teacher: Any) -> Any:
        nonlocal center
        targets = teacher_distribution(teacher, 0.04, center)
        center = moved_center(center, teacher)
        return ibot_loss(student, targets, _mask(len(student)))

    return loss


def _their_ibot(prototypes: int) -> Loss:
    module = lightly("IBOTPatchLoss", output_dim=prototypes)
    # Its mask has rows and columns of patches.
    return lambda student, teacher: module(
        teacher, student, _mask(len(student)).unflatten(1, (14, 14))
    )


def _w_mse(_: int) -> Loss:
    def loss(one: Any, other: Any) -> Any:
        orders = torch.randperm(len(one))[None]
        return w_mse_loss((one, other), orders, slice_size=256)

    return loss


def _their_w_mse(dim: int) -> Loss:
    module = lightly("WMSELoss", embedding_dim=dim, w_size=256)
    return lambda one, other: module(torch.cat([one, other]))


def _simple(loss: Loss) -> Callable[[int], Loss]:
    return lambda _: loss


def _peer(name: str, **settings: Any) -> Callable[[int], Loss]:
    return lambda _: lightly(name, **settings)


CASES: Mapping[str, Case] = {
    "NT-Xent": Case(
        2, _simple(partial(nt_xent, temperature=0.5)), _peer("NTXentLoss", temperature=0.5)
    ),
    "NT-Xent, width 128": Case(
        2,
        _simple(partial(nt_xent, temperature=0.5)),
        _peer("NTXentLoss", temperature=0.5),
        width=128,
    ),
    "DCL": Case(
        2,
        _simple(partial(nt_xent, temperature=0.1, decoupled=True)),
        _peer("DCLLoss", temperature=0.1),
    ),
    f"InfoNCE, queue {_QUEUE}": Case(2, _moco, _their_moco, without_gradient=1),
    "VICReg": Case(2, _simple(vicreg_loss), _peer("VICRegLoss")),
    "Barlow Twins": Case(
        2, _simple(partial(barlow_loss, lambda_cov=5e-3)), _peer("BarlowTwinsLoss")
    ),
    "BYOL": Case(4, _byol, _their_byol, without_gradient=2),
    "SimSiam": Case(4, _simsiam, _their_simsiam, without_gradient=2),
    "SwAV, 3000 prototypes": Case(2, _swav, _their_swav, width=3000),
    "DINO, 4096 prototypes": Case(4, _dino, _their_dino, width=4096, without_gradient=2),
    "DINO, 65536 prototypes": Case(4, _dino, _their_dino, width=65536, without_gradient=2),
    "iBOT, 4096 prototypes": Case(2, _ibot, _their_ibot, width=4096, without_gradient=1),
    "W-MSE, width 128": Case(2, _w_mse, _their_w_mse, width=128, least=256, random=True),
    "KoLeo": Case(1, _simple(koleo_loss), _peer("KoLeoLoss")),
    "SIGReg": Case(1, _sigreg, _their_sigreg, random=True),
}
"""Losses by name. DINO has its centre moved, SwAV its codes made, as a training step does."""
