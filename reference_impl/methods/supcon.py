"""SupCon: all views of all images of a class attract each other.

Paper: https://arxiv.org/abs/2004.11362. Reference code by its authors:
https://github.com/HobbitLong/SupContrast/tree/66a8fe53880d6a1084b2e4e0db0a019024d6d41a
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from reference_impl.distributed import gather, rank, world
from reference_impl.heads import mlp
from reference_impl.losses.partition import log_partition, log_partition_among
from reference_impl.losses.precision import full_precision, unit_rows
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput, ViewPlan
from reference_impl.shapes import Float, Int, Tensor

Convention = Literal["out", "in", "in_sum"]
"""Where the positives are joined: outside the logarithm, as a mean inside, as a sum inside."""

BASE_TEMPERATURE = 0.07
"""The authors' code multiplies the loss by temperature / this (losses.py#L14-L15, L103)."""


@dataclass(frozen=True)
class SupConConfig:
    """What the loss and the head are. `hidden_dim` None stands for the encoder's width."""

    temperature: float = 0.1
    convention: Convention = "out"
    base_temperature: float | None = None
    """Multiply the loss by temperature over this; None leaves it as it is."""
    dim: int = 128
    hidden_dim: int | None = None


PRESETS: Mapping[str, Preset] = {
    "paper": Preset(
        SupConConfig(base_temperature=1.0, hidden_dim=2048),
        Recipe(
            optimizer="lars",
            base_lr=0.3,
            batch_size=6144,
            epochs=350,
            warmup_epochs=10.0,
            weight_decay=1e-6,
        ),
        "ResNet-50: arXiv:2004.11362 sections 3.1, 3.2 and 4.5; rate, warm-up and weight decay, "
        "which its text leaves open, are SimCLR's",
    ),
    "official": Preset(
        SupConConfig(temperature=0.07, base_temperature=BASE_TEMPERATURE),
        Recipe(
            optimizer="sgd",
            base_lr=0.05,
            lr_batch=0,
            batch_size=256,
            epochs=1000,
            warmup_epochs=0.0,
            weight_decay=1e-4,
            exclude_norm_and_bias=False,
        ),
        "gh:HobbitLong/SupContrast@66a8fe53:main_supcon.py#L34-L68, networks/resnet_big.py"
        "#L165-L186",
    ),
    "small": Preset(
        SupConConfig(temperature=0.2, dim=64),
        Recipe(
            optimizer="adamw",
            base_lr=2e-3,
            lr_batch=0,
            batch_size=256,
            epochs=30,
            warmup_epochs=1.0,
            weight_decay=1e-4,
        ),
        "a choice, for digits on two cores",
    ),
}


def supcon_loss(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    labels: Int[Tensor, " batch"],
    *,
    temperature: float = 0.1,
    convention: Convention = "out",
    base_temperature: float | None = None,
) -> Float[Tensor, ""]:
    """Return the supervised contrastive loss of two views.

    With P(i) all other embeddings of i's class, A(i) all other embeddings, s_ij = z_i . z_j / t:

        out     L_i = log sum_A exp(s_ia) - mean_P s_ip           paper, Eq. 2; SupContrast
        in      L_i = log sum_A exp(s_ia) - log mean_P exp(s_ip)  paper, Eq. 3
        in_sum  L_i = log sum_A exp(s_ia) - log sum_P exp(s_ip)   solo-learn, losses/simclr.py

    averaged over the 2N anchors. `base_temperature` multiplies the loss by t over it: the
    authors' code does so with 0.07 (losses.py#L103); the paper's equations do not, but its runs
    multiplied by t, which is a base of 1 (section 4.5). Distinct labels give NT-Xent.

    Embeddings are normalised here, in float32 at least; those of all processes count. "out" needs
    no N x N matrix: the positives of an anchor are its class's sum less itself.
    Raises ValueError when shapes do not fit.
    """
    if first.shape != second.shape or labels.shape != first.shape[:1]:
        raise ValueError(
            "expected two views of one shape and a label for each row, found "
            f"{tuple(first.shape)}, {tuple(second.shape)} and {tuple(labels.shape)}"
        )
    one, other = unit_rows(first), unit_rows(second)
    own = torch.cat([one, other])
    everyone = own if world() == 1 else torch.cat([gather(one), gather(other)])
    ours, theirs = labels.repeat(2), gather(labels).repeat(2)
    scale = 1.0 / temperature
    with full_precision(own):
        if convention == "out":
            positives = scale * _mean_positive(own, everyone, ours, theirs)
        else:
            same = _same_class(ours, theirs)
            scores = (scale * own @ everyone.T).masked_fill(~same, -torch.inf)
            positives = scores.logsumexp(1)
            if convention == "in":
                positives = positives - same.sum(1).to(positives).log()
    factor = 1.0 if base_temperature is None else temperature / base_temperature
    return factor * (_levels(own, everyone, scale) - positives).mean()


def _own_places(batch: int) -> tuple[int, int]:
    """Return where this process's first and second views begin among those of all."""
    return rank() * batch, (world() + rank()) * batch


def _levels(own: Tensor, everyone: Tensor, scale: float) -> Tensor:
    if world() == 1:
        return log_partition_among(own, scale)
    views = own.chunk(2)
    places = _own_places(len(views[0]))
    return torch.cat(
        [
            log_partition(view, everyone, scale, skip=(place,))
            for view, place in zip(views, places, strict=True)
        ]
    )


def _mean_positive(own: Tensor, everyone: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """Return the mean cosine of each anchor with the others of its class."""
    _, numbers = torch.unique(torch.cat([theirs, ours]), return_inverse=True)
    theirs, ours = numbers[: len(theirs)], numbers[len(theirs) :]
    sums = everyone.new_zeros(int(numbers.max()) + 1, everyone.shape[1])
    sums = sums.index_add(0, theirs, everyone)
    others = torch.bincount(theirs)[ours] - 1
    return (own * (sums[ours] - own)).sum(1) / others


def _same_class(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return which of all embeddings are another one of an anchor's class."""
    same = ours[:, None] == theirs[None, :]
    batch = len(ours) // 2
    for half, place in enumerate(_own_places(batch)):
        same[half * batch : (half + 1) * batch].diagonal(place).fill_(False)
    return same


class SupCon(Method):
    """An encoder, a projector that is thrown away after training, and the supervised loss."""

    name = "supcon"
    plan = ViewPlan(labels=True)
    capturable = False

    def __init__(self, encoder: nn.Module, config: SupConConfig) -> None:
        super().__init__(encoder, config)
        width: int = encoder.width
        self.projector = mlp([width, config.hidden_dim or width, config.dim], norm=False)

    def step(self, batch: Batch) -> StepOutput:
        """Embed both views in one pass, so that BatchNorm sees them together, and contrast."""
        if batch.labels is None:
            raise ValueError("SupCon needs labels, found a batch without `labels`")
        features = self.encoder(torch.cat(batch.views))
        first, second = self.projector(features).chunk(2)
        return StepOutput(
            loss=supcon_loss(
                first,
                second,
                batch.labels,
                temperature=self.config.temperature,
                convention=self.config.convention,
                base_temperature=self.config.base_temperature,
            ),
            features=features.detach().chunk(2),
            embeddings=(first.detach(), second.detach()),
        )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="outside-beats-inside",
        text="Positives joined inside the logarithm give worse features than outside.",
        source="arXiv:2004.11362 section 3.2, Table 1",
        arms=(Arm("out"), Arm("in", {"convention": "in"})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
    ),
    Claim(
        id="scaling-by-temperature-is-a-learning-rate",
        text="With AdamW, multiplying the loss by t/0.07 leaves the features as they are.",
        source="gh:HobbitLong/SupContrast@66a8fe53:losses.py#L103",
        arms=(Arm("plain"), Arm("scaled", {"base_temperature": BASE_TEMPERATURE})),
        measure="knn_acc",
        expect="same",
        margin=0.02,
        entries=("loss/implementation-scale",),
    ),
)
