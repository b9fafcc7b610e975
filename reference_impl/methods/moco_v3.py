"""MoCo v3: queries of each view look for the other view's key in the batch; no queue.

Paper: https://arxiv.org/abs/2104.02057. Official code:
https://github.com/facebookresearch/moco-v3/tree/c349e6e24f40d3fedb22d973f92defa4cedf37a7
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from reference_impl.distributed import gather
from reference_impl.ema import cosine_to_one, frozen_copy, move_average
from reference_impl.heads import mlp
from reference_impl.losses.partition import log_partition
from reference_impl.losses.precision import unit_rows
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "unscaled", "mean"]
"""How the cross-entropies of the two directions are joined: multiplied by 2t and added; added;
averaged."""


@dataclass(frozen=True)
class MoCoV3Config:
    """What the loss and the heads are."""

    temperature: float = 1.0
    convention: Convention = "official"
    ema_momentum: float = 0.99
    momentum_cosine: bool = True
    """Raise the momentum to 1 along half a cosine."""
    dim: int = 256
    hidden_dim: int = 4096
    head_layers: int = 2
    """Linear layers of the projector: 2 for ResNets, 3 for ViTs in the official code."""
    predictor: bool = True
    predictor_norm: bool = False
    """End the predictor with a BatchNorm, as the official code does for ViTs only."""
    train_patch_embedding: bool = True
    """False freezes a ViT's random patch projection, against spikes (paper, section 4)."""


_RESNET = Recipe(
    optimizer="lars",
    base_lr=0.6,
    batch_size=4096,
    epochs=100,
    warmup_epochs=10.0,
    weight_decay=1e-6,
)

PRESETS: Mapping[str, Preset] = {
    "paper": Preset(
        MoCoV3Config(
            temperature=0.2, head_layers=3, predictor_norm=True, train_patch_embedding=False
        ),
        Recipe(
            optimizer="adamw",
            base_lr=1.5e-4,
            batch_size=4096,
            epochs=300,
            warmup_epochs=40.0,
            weight_decay=0.1,
            exclude_norm_and_bias=False,
        ),
        "ViT: arXiv:2104.02057 section 5; gh:facebookresearch/moco-v3@c349e6e2:CONFIG.md; "
        "main_moco.py#L228-L230 gives AdamW all parameters in one group",
    ),
    "official": Preset(
        MoCoV3Config(),
        _RESNET,
        "ResNet-50, 100 epochs: gh:facebookresearch/moco-v3@c349e6e2:main_moco.py#L49-L118, "
        "CONFIG.md",
    ),
    "small": Preset(
        MoCoV3Config(temperature=0.2, dim=64, hidden_dim=256),
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


def batch_info_nce(
    queries: Float[Tensor, "batch dim"],
    keys: Float[Tensor, "batch dim"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """Return one direction's cross-entropy of each query's own key among the keys of the batch.

        loss_i = log sum_j exp(q_i . k_j / t) - q_i . k_i / t

    averaged over queries. Both are normalised here, in float32 at least; keys come from all
    processes and take no gradient. N equal candidates give ln N. Raises ValueError when the
    shapes differ.
    """
    if queries.shape != keys.shape:
        raise ValueError(
            "queries and keys must have one shape, "
            f"found {tuple(queries.shape)} and {tuple(keys.shape)}"
        )
    queries, keys = unit_rows(queries), unit_rows(keys.detach())
    scale = 1.0 / temperature
    levels = log_partition(queries, gather(keys), scale)
    return (levels - scale * (queries * keys).sum(1)).mean()


def moco_v3_loss(
    queries: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    keys: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    *,
    temperature: float = 1.0,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return the loss of both directions: queries of view 1 with keys of view 2, and 2 with 1.

    "official" is 2 t (CE_12 + CE_21), moco/builder.py#L63-L73 and L96 (solo-learn multiplies each
    direction likewise), so that ln N chance reads 4 t ln N. "unscaled" is CE_12 + CE_21, "mean"
    half of it.
    """
    both = sum(
        (batch_info_nce(queries[view], keys[1 - view], temperature=temperature) for view in (0, 1)),
        start=queries[0].new_zeros(()),
    )
    factor = {"official": 2.0 * temperature, "unscaled": 1.0, "mean": 0.5}[convention]
    return factor * both


class MoCoV3(Method):
    """Encoder, projector and predictor; a moving average of the first two makes the keys."""

    name = "moco_v3"

    def __init__(self, encoder: nn.Module, config: MoCoV3Config) -> None:
        super().__init__(encoder, config)
        width: int = encoder.width
        hidden = [config.hidden_dim] * (config.head_layers - 1)
        self.projector = mlp([width, *hidden, config.dim], last_norm=True, last_affine=False)
        self.predictor: nn.Module = nn.Identity()
        if config.predictor:
            self.predictor = mlp(
                [config.dim, config.hidden_dim, config.dim],
                last_norm=config.predictor_norm,
                last_affine=False,
                last_bias=False,
            )
        if not config.train_patch_embedding:
            _freeze_patches(encoder)
        self.key_encoder = frozen_copy(self.encoder)
        self.key_projector = frozen_copy(self.projector)

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def keys(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch dim"]:
        """Return the moving encoder's embeddings."""
        keys: Tensor = self.key_projector(self.key_encoder(images))
        return keys

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of both directions."""
        features = tuple(self.encoder(images) for images in batch.views)
        embeddings = tuple(self.projector(each) for each in features)
        queries = tuple(self.predictor(each) for each in embeddings)
        keys = tuple(self.keys(images) for images in batch.views)
        return StepOutput(
            loss=moco_v3_loss(
                (queries[0], queries[1]),
                (keys[0], keys[1]),
                temperature=self.config.temperature,
                convention=self.config.convention,
            ),
            features=tuple(each.detach() for each in features),
            embeddings=tuple(each.detach() for each in embeddings),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Let the key encoder follow, by a momentum that rises to 1 if so configured."""
        momentum = self.config.ema_momentum
        if self.config.momentum_cosine:
            momentum = cosine_to_one(momentum, progress)
        move_average(self.key_encoder, self.encoder, momentum)
        move_average(self.key_projector, self.projector, momentum)
        return {"ema_m": momentum}


def _freeze_patches(encoder: nn.Module) -> None:
    patches = getattr(encoder, "patch_embedding", None)
    if patches is None:
        raise ValueError(
            "train_patch_embedding=False needs a transformer with a `patch_embedding`, "
            f"found {type(encoder).__name__}"
        )
    patches.requires_grad_(False)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="predictor-helps",
        text="Without the predictor the features are a little worse, but nothing collapses.",
        source="popular; gh:facebookresearch/moco-v3@c349e6e2:moco/builder.py#L108-L122 has one",
        arms=(Arm("predictor"), Arm("no predictor", {"predictor": False})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("distill/no-predictor",),
    ),
    Claim(
        id="no-predictor-does-not-collapse",
        text="Negatives prevent collapse with or without a predictor.",
        source="popular: only methods without negatives need a predictor",
        arms=(Arm("predictor"), Arm("no predictor", {"predictor": False})),
        measure="z_std",
        expect="same",
        margin=0.3,
        entries=("collapse/complete", "distill/no-predictor"),
    ),
    Claim(
        id="momentum-helps",
        text="Without momentum the features are worse.",
        source="popular, after the ablation of v1 (arXiv:1911.05722 section 4.1)",
        arms=(
            Arm("m 0.99", {"momentum_cosine": False}),
            Arm("m 0", {"ema_momentum": 0.0, "momentum_cosine": False}),
        ),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("distill/ema-momentum-too-low",),
    ),
)
