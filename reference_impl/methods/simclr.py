"""SimCLR: two views of an image attract each other, all other images of the batch repel.

Paper: https://arxiv.org/abs/2002.05709. Official code (TensorFlow):
https://github.com/google-research/simclr/tree/383d4143fd8cf7879ae10f1046a9baeb753ff438
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
from reference_impl.losses.precision import unit_rows
from reference_impl.method import MORE_SEEDS, Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

Convention = Literal["mean", "sum"]
"""How the 2N anchors are joined: their mean, or the mean of each view added."""


@dataclass(frozen=True)
class SimCLRConfig:
    """What the loss and the head are. `hidden_dim` None stands for the encoder's width."""

    temperature: float = 0.1
    convention: Convention = "mean"
    decoupled: bool = False
    """Leave the positive out of the denominator: DCL, https://arxiv.org/abs/2110.06848."""
    dim: int = 128
    hidden_dim: int | None = None
    head_layers: int = 2
    """Linear layers of the projector; 0 for none, and then `dim` is the encoder's width."""
    last_norm: bool = False


_PAPER = Recipe(
    optimizer="lars",
    base_lr=0.3,
    batch_size=4096,
    epochs=100,
    warmup_epochs=10.0,
    weight_decay=1e-6,
)

PRESETS: Mapping[str, Preset] = {
    "paper": Preset(SimCLRConfig(), _PAPER, "arXiv:2002.05709 section 2.2 and Table 5"),
    "official": Preset(
        SimCLRConfig(convention="sum", head_layers=3, last_norm=True),
        Recipe(
            optimizer="lars",
            base_lr=0.3,
            batch_size=512,
            epochs=100,
            warmup_epochs=10.0,
            weight_decay=1e-6,
        ),
        "gh:google-research/simclr@383d4143:tf2/run.py#L37-L201, tf2/model.py#L157-L186",
    ),
    "small": Preset(
        SimCLRConfig(temperature=0.2, dim=64),
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


def nt_xent(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    *,
    temperature: float = 0.1,
    convention: Convention = "mean",
    decoupled: bool = False,
) -> Float[Tensor, ""]:
    """Return the normalised, temperature-scaled cross-entropy of two views.

    With z the 2N unit vectors of both views and p(i) the other view of i,

        loss_i = log sum_{j != i} exp(z_i . z_j / t) - z_i . z_p(i) / t

    (paper, Eq. 1). "mean" averages over the 2N anchors: Algorithm 1, lightly, solo-learn,
    stable-pretraining. "sum" adds the means of the two views, twice as much: the official code,
    tf2/objective.py#L83-L87. `decoupled` leaves p(i) out of the sum as well (DCL, Eq. 6 there).

    Views are normalised here, in float32 at least. The negatives of all processes count; each
    returns the loss of its own anchors. The N x N matrix never exists (`losses.partition`).
    Raises ValueError when the views differ in shape, or DCL has no negative.
    """
    if first.shape != second.shape:
        raise ValueError(
            f"both views must have one shape, found {tuple(first.shape)} and {tuple(second.shape)}"
        )
    one, other = unit_rows(first), unit_rows(second)
    batch, scale = len(one), 1.0 / temperature
    if decoupled and batch * world() < 2:
        raise ValueError("a decoupled loss has no negatives at batch size 1; use 2 or more")
    if world() == 1:
        skip = (0, batch, -batch) if decoupled else (0,)
        levels = log_partition_among(torch.cat([one, other]), scale, skip=skip)
    else:
        everyone = torch.cat([gather(one), gather(other)])
        of_one, of_other = rank() * batch, (world() + rank()) * batch
        own = ((of_one, of_other), (of_other, of_one))
        levels = torch.cat(
            [
                log_partition(view, everyone, scale, skip=places if decoupled else places[:1])
                for view, places in zip((one, other), own, strict=True)
            ]
        )
    loss = levels.mean() - scale * (one * other).sum(1).mean()
    return 2.0 * loss if convention == "sum" else loss


class SimCLR(Method):
    """An encoder, a projector that is thrown away after training, and NT-Xent."""

    name = "simclr"

    def __init__(self, encoder: nn.Module, config: SimCLRConfig) -> None:
        super().__init__(encoder, config)
        width: int = encoder.width
        hidden = [config.hidden_dim or width] * (config.head_layers - 1)
        self.projector: nn.Module = nn.Identity()
        if config.head_layers:
            self.projector = mlp([width, *hidden, config.dim], last_norm=config.last_norm)

    def embed(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch dim"]]:
        """Return backbone and projector output."""
        features = self.encoder(images)
        return features, self.projector(features)

    def loss(
        self, first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, ""]:
        """Return NT-Xent of two projector outputs, as configured."""
        return nt_xent(
            first,
            second,
            temperature=self.config.temperature,
            convention=self.config.convention,
            decoupled=self.config.decoupled,
        )

    def step(self, batch: Batch) -> StepOutput:
        """Embed both views in one pass, so that BatchNorm sees them together, and contrast."""
        # As the official code does (tf2/model.py): both views are one batch of the network.
        features, embeddings = self.embed(torch.cat(batch.views))
        views = embeddings.chunk(2)
        return StepOutput(
            loss=self.loss(*views),
            features=features.detach().chunk(2),
            embeddings=tuple(view.detach() for view in views),
        )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="projector-helps",
        text="Without a projector SimCLR's features are worse.",
        source="arXiv:2002.05709 section 4.2, Figure 8",
        arms=(Arm("projector"), Arm("no projector", {"head_layers": 0})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("contrastive/projection-head-missing",),
    ),
    Claim(
        id="temperature-one-is-worse",
        text="At temperature 1 SimCLR's features are worse than at 0.1.",
        source="arXiv:2002.05709 Table 5",
        arms=(Arm("0.1", {"temperature": 0.1}), Arm("1", {"temperature": 1.0})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        seeds=MORE_SEEDS,
        entries=("contrastive/temperature-too-high",),
    ),
    Claim(
        id="temperature-sets-the-loss",
        text="A tenfold temperature at least doubles the loss.",
        source="arXiv:2002.05709 Eq. 1: the floor ln(1 + (2N - 2) exp(-(1 + 1/(N - 1))/t))",
        arms=(Arm("0.1", {"temperature": 0.1}), Arm("1", {"temperature": 1.0})),
        measure="loss",
        expect="higher",
        margin=2.0,
        entries=("loss/floor-set-by-temperature", "contrastive/temperature-too-high"),
    ),
    Claim(
        id="small-batch-lowers-the-loss",
        text="A smaller batch lowers SimCLR's loss: there are fewer candidates to tell apart.",
        source="arXiv:2002.05709 Eq. 1: chance is ln(2N - 1)",
        arms=(Arm("256", recipe={"batch_size": 256}), Arm("32", recipe={"batch_size": 32})),
        measure="loss",
        expect="lower",
        margin=0.9,
        entries=("contrastive/batch-too-small",),
    ),
    Claim(
        id="decoupling-helps-small-batches",
        text="At a batch of 32, leaving the positive out of the denominator improves features.",
        source="arXiv:2110.06848 abstract: less sensitive to the batch size",
        arms=(
            Arm("NT-Xent", recipe={"batch_size": 32}),
            Arm("decoupled", {"decoupled": True}, {"batch_size": 32}),
        ),
        measure="knn_acc",
        expect="higher",
        margin=1.0,
        entries=("contrastive/batch-too-small",),
    ),
)
