"""MoCo v2: queries look for their key among a queue of keys from a slowly moving encoder.

Papers: https://arxiv.org/abs/1911.05722 (v1), https://arxiv.org/abs/2003.04297 (v2). Official
code: https://github.com/facebookresearch/moco/tree/4397a04ed63a95c4a157f017a71883944003b615
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import distributed as dist
from torch import nn

from reference_impl.distributed import gather, rank, world
from reference_impl.ema import frozen_copy, move_average
from reference_impl.heads import mlp
from reference_impl.losses.partition import log_partition
from reference_impl.losses.precision import unit_rows
from reference_impl.method import MORE_SEEDS, Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor


@dataclass(frozen=True)
class MoCoV2Config:
    """What the loss, the queue and the head are. `hidden_dim` None is the encoder's width."""

    temperature: float = 0.2
    queue_size: int = 65536
    """Keys in the queue, a multiple of the global batch."""
    ema_momentum: float = 0.999
    symmetric: bool = False
    """Use each view as query and as key, and average: solo-learn's MoCo v2+, which keeps a queue
    for each view where this has one for both."""
    dim: int = 128
    hidden_dim: int | None = None
    head_layers: int = 2
    shuffle: bool = True
    """Mix the images of all processes before the key encoder, so that BatchNorm leaks nothing."""


_V2 = Recipe(
    optimizer="sgd",
    base_lr=0.03,
    batch_size=256,
    epochs=200,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    exclude_norm_and_bias=False,
)

PRESETS: Mapping[str, Preset] = {
    "paper": Preset(
        MoCoV2Config(),
        _V2,
        "arXiv:2003.04297 as the README of the official code runs it",
    ),
    "official": Preset(
        MoCoV2Config(temperature=0.07, head_layers=1),
        _V2,
        "gh:facebookresearch/moco@56700212:main_moco.py, its defaults, which are MoCo v1; "
        "v2 needs --mlp --moco-t 0.2 --aug-plus --cos",
    ),
    "small": Preset(
        MoCoV2Config(temperature=0.1, queue_size=2048, ema_momentum=0.99, dim=64),
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


def queue_info_nce(
    queries: Float[Tensor, "batch dim"],
    keys: Float[Tensor, "batch dim"],
    queue: Float[Tensor, "queue dim"],
    *,
    temperature: float = 0.2,
) -> Float[Tensor, ""]:
    """Return the cross-entropy of each query's own key against the keys of a queue.

        loss_i = log(exp(q_i . k_i / t) + sum_j exp(q_i . queue_j / t)) - q_i . k_i / t

    (v1, Eq. 1; official code, moco/builder.py, `forward`), averaged over queries. Queries and
    keys are normalised here, in float32 at least; `queue` must hold unit rows and takes no
    gradient. solo-learn and lightly (`memory_bank_size`) have the same loss with other default
    temperatures, 0.1 and 0.5. K + 1 equal candidates give ln(K + 1). Raises ValueError when
    queries and keys differ in shape.
    """
    if queries.shape != keys.shape:
        raise ValueError(
            "queries and keys must have one shape, "
            f"found {tuple(queries.shape)} and {tuple(keys.shape)}"
        )
    queries, keys = unit_rows(queries), unit_rows(keys)
    matches = (queries * keys).sum(1) / temperature
    others = log_partition(queries, queue.to(queries.dtype), 1.0 / temperature)
    return (torch.logaddexp(matches, others) - matches).mean()


class MoCoV2(Method):
    """Query encoder and head, their moving average for keys, and a first-in first-out queue."""

    name = "moco_v2"
    capturable = False

    def __init__(self, encoder: nn.Module, config: MoCoV2Config) -> None:
        super().__init__(encoder, config)
        width: int = encoder.width
        hidden = [config.hidden_dim or width] * (config.head_layers - 1)
        self.projector = mlp([width, *hidden, config.dim], norm=False)
        self.key_encoder = frozen_copy(self.encoder)
        self.key_projector = frozen_copy(self.projector)
        self.register_buffer("queue", unit_rows(torch.randn(config.queue_size, config.dim)))
        self.register_buffer("oldest", torch.zeros((), dtype=torch.long))
        self._waiting: list[Tensor] = []

    @torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
    def keys(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch dim"]:
        """Return the moving encoder's embeddings; its BatchNorm sees a shuffled batch."""
        order = _shuffled(len(images) * world(), images.device) if self._mixes() else None
        if order is not None:
            images = gather(images)[order.view(world(), -1)[rank()]]
        keys = self.key_projector(self.key_encoder(images))
        return keys if order is None else gather(keys)[order.argsort().view(world(), -1)[rank()]]

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first view's queries, or of both views' when symmetric."""
        first, second = batch.views
        queries = (first, second) if self.config.symmetric else (first,)
        sources = (second, first) if self.config.symmetric else (second,)
        features = [self.encoder(images) for images in queries]
        embeddings = [self.projector(each) for each in features]
        keys = [self.keys(images) for images in sources]
        losses = [
            queue_info_nce(query, key, self.queue, temperature=self.config.temperature)
            for query, key in zip(embeddings, keys, strict=True)
        ]
        if self.training:
            # The queue changes after the backward pass, which still needs what it holds.
            self._waiting += [unit_rows(each) for each in keys]
        return StepOutput(
            loss=torch.stack(losses).mean(),
            features=tuple(each.detach() for each in features),
            embeddings=(embeddings[0].detach(), keys[0]),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Let the key encoder follow, and the new keys take the place of the oldest."""
        del progress
        move_average(self.key_encoder, self.encoder, self.config.ema_momentum)
        move_average(self.key_projector, self.projector, self.config.ema_momentum)
        for keys in self._waiting:
            self._enqueue(gather(keys))
        self._waiting.clear()
        return {"ema_m": self.config.ema_momentum}

    def _enqueue(self, keys: Tensor) -> None:
        places = (torch.arange(len(keys), device=keys.device) + self.oldest) % len(self.queue)
        self.queue[places] = keys.to(self.queue.dtype)
        self.oldest.copy_((self.oldest + len(keys)) % len(self.queue))

    def _mixes(self) -> bool:
        return bool(self.config.shuffle) and self.training and world() > 1


def _shuffled(count: int, device: torch.device) -> Tensor:
    """Return one random order of all images, the same in every process."""
    order = torch.randperm(count, device=device)
    dist.broadcast(order, src=0)
    return order


_ABLATION = "arXiv:1911.05722 section 4.1, ablation of the momentum"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="no-momentum-fails",
        text="A key encoder that copies the query encoder at once gives far worse features.",
        source=_ABLATION,
        arms=(Arm("m 0.99", {"ema_momentum": 0.99}), Arm("m 0", {"ema_momentum": 0.0})),
        measure="knn_acc",
        expect="lower",
        margin=0.98,
        seeds=MORE_SEEDS,
        entries=("distill/ema-momentum-too-low", "contrastive/queue-stale-keys"),
    ),
    Claim(
        id="momentum-0.9-is-worse",
        text="A momentum of 0.9 gives worse features than 0.99.",
        source=_ABLATION,
        arms=(Arm("m 0.99", {"ema_momentum": 0.99}), Arm("m 0.9", {"ema_momentum": 0.9})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("distill/ema-momentum-too-low",),
    ),
    Claim(
        id="mlp-head-helps",
        text="A hidden layer in the head improves the features below it.",
        source="arXiv:2003.04297 abstract",
        arms=(Arm("two layers", {"head_layers": 2}), Arm("one layer", {"head_layers": 1})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("contrastive/projection-head-missing",),
    ),
    Claim(
        id="queue-raises-the-loss",
        text="A longer queue raises the loss: there are more keys to tell apart.",
        source="arXiv:1911.05722 Eq. 1: chance is ln(K + 1)",
        arms=(Arm("K 2048", {"queue_size": 2048}), Arm("K 256", {"queue_size": 256})),
        measure="loss",
        expect="lower",
        margin=0.8,
        entries=("contrastive/queue-chance-level",),
    ),
)
