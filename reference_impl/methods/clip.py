"""CLIP: images and their captions find each other among all of the batch, at a learnt temperature.

Paper: https://arxiv.org/abs/2103.00020. Official model code (no training code was released):
https://github.com/openai/CLIP/tree/d05afc436d78f1c48dc0dbf8e5980a9d471f35f6
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from reference_impl.distributed import gather, world
from reference_impl.encoders.text import TextTransformer
from reference_impl.losses.partition import Scale, log_partition, log_partitions
from reference_impl.losses.precision import unit_rows
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput, ViewPlan
from reference_impl.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class CLIPConfig:
    """What the towers, the temperature and its limits are."""

    dim: int = 512
    temperature: float = 0.07
    """Where the learnt temperature starts."""
    learn_temperature: bool = True
    scale_limit: float = 100.0
    """The factor on the cosines, 1 / temperature, is kept between 1 and this."""
    vocabulary: int = 49408
    context: int = 77
    text_width: int = 512
    text_depth: int = 12


_PAPER = Recipe(
    optimizer="adamw",
    base_lr=5e-4,
    lr_batch=0,
    batch_size=32768,
    epochs=32,
    warmup_epochs=0.16,
    weight_decay=0.2,
    betas=(0.9, 0.98),
)
"""Warm-up of 2,000 steps, of some 390,000 for 400 million pairs and 32 epochs."""

PRESETS: Mapping[str, Preset] = {
    "paper": Preset(
        CLIPConfig(),
        _PAPER,
        "ViT: arXiv:2103.00020 section 2.5 (batch, epochs, scale); rate, betas and decay as in "
        "gh:mlfoundations/open_clip@89fb801f:src/open_clip_train/params.py#L9-L285, whose Adam has "
        "an epsilon of 1e-6",
    ),
    "official": Preset(
        CLIPConfig(),
        _PAPER,
        "gh:openai/CLIP@d05afc43:clip/model.py#L291-L295 (scale); training as in the paper",
    ),
    "small": Preset(
        CLIPConfig(dim=64, vocabulary=64, context=8, text_width=64, text_depth=2),
        Recipe(
            optimizer="adamw",
            base_lr=1e-3,
            lr_batch=0,
            batch_size=256,
            epochs=30,
            warmup_epochs=1.0,
            weight_decay=0.05,
        ),
        "a choice, for rendered shapes on two cores",
    ),
}


def clip_loss(
    images: Float[Tensor, "batch dim"],
    texts: Float[Tensor, "batch dim"],
    scale: Scale,
) -> Float[Tensor, ""]:
    """Return the mean of both directions' cross-entropies, image to text and text to image.

        loss = (CE(scale X Y^T, match) + CE(scale Y X^T, match)) / 2

    X and Y are the embeddings, normalised here in float32 at least (paper, Figure 3; open_clip,
    src/open_clip/loss.py#L136-L139). `scale` is the factor itself, not its logarithm; it may be
    a tensor that is learnt. The candidates of all processes count, with gradients to all of them,
    as open_clip's `local_loss` and `gather_with_grad` together do. N equal candidates give ln N.
    Raises ValueError when the shapes differ.
    """
    if images.shape != texts.shape:
        raise ValueError(
            "images and texts must have one shape, "
            f"found {tuple(images.shape)} and {tuple(texts.shape)}"
        )
    images, texts = unit_rows(images), unit_rows(texts)
    if world() == 1:
        over_texts, over_images = log_partitions(images, texts, scale)
    else:
        over_texts = log_partition(images, gather(texts), scale)
        over_images = log_partition(texts, gather(images), scale)
    matches = scale * (images * texts).sum(1)
    return ((over_texts + over_images) / 2 - matches).mean()


class CLIP(Method):
    """An image tower, a text tower, a linear map from each into one space, a learnt scale."""

    name = "clip"
    plan = ViewPlan(views=1, augmented=False, texts=True)

    def __init__(self, encoder: nn.Module, config: CLIPConfig) -> None:
        super().__init__(encoder, config)
        width: int = encoder.width
        self.text_encoder = TextTransformer(
            config.vocabulary, config.context, config.text_width, config.text_depth
        )
        self.image_projector = nn.Linear(width, config.dim, bias=False)
        self.text_projector = nn.Linear(config.text_width, config.dim, bias=False)
        self.log_scale = nn.Parameter(
            torch.tensor(-math.log(config.temperature)), requires_grad=config.learn_temperature
        )

    def embed_images(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch width"], Float[Tensor, "batch dim"]]:
        """Return the image tower's features and embeddings."""
        features = self.encoder(images)
        return features, self.image_projector(features)

    def embed_texts(self, texts: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings of captions."""
        embeddings: Tensor = self.text_projector(self.text_encoder(texts))
        return embeddings

    def loss(
        self, images: Float[Tensor, "batch dim"], texts: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, ""]:
        """Return the contrastive loss of two sides' embeddings at the learnt scale."""
        return clip_loss(images, texts, self.log_scale.exp())

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first view against its captions."""
        if batch.texts is None:
            raise ValueError("CLIP needs captions, found a batch without `texts`")
        features, images = self.embed_images(batch.views[0])
        texts = self.embed_texts(batch.texts)
        return StepOutput(
            loss=self.loss(images, texts),
            terms={"logit_scale": self.log_scale.detach().exp()},
            features=(features.detach(),),
            embeddings=(images.detach(), texts.detach()),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Keep the scale between 1 and its limit, as the paper does (section 2.5)."""
        del progress
        with torch.no_grad():
            self.log_scale.clamp_(0.0, math.log(self.config.scale_limit))
        return {}


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="a-scale-of-one-learns-less",
        text="With the factor on the cosines fixed at 1 the image features are worse.",
        source="ours: the loss cannot show it, since its floor at scale 1 is close to chance",
        arms=(
            Arm("learnt"),
            Arm("fixed at 1", {"temperature": 1.0, "learn_temperature": False}),
        ),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("multimodal/chance-level-loss", "contrastive/temperature-too-high"),
    ),
    Claim(
        id="learning-the-temperature-helps",
        text="Learning the temperature gives better image features than fixing it at 0.07.",
        source="arXiv:2103.00020 section 2.3: learnt, so that it needs no tuning",
        arms=(Arm("learnt"), Arm("fixed", {"learn_temperature": False})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("multimodal/logit-scale-runaway",),
    ),
)
