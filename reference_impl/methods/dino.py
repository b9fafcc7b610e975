"""DINO (Caron et al. 2021), with iBOT's patch loss and DINOv2's KoLeo as options.

The losses on tensors: `losses.self_distillation`, `losses.ibot`, `losses.koleo`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from reference_impl.ema import cosine_to_one, frozen_copy, linear_to, move_average
from reference_impl.encoders.vit import needs_patches, without_drop_path
from reference_impl.losses.ibot import ibot_loss
from reference_impl.losses.koleo import Scope, koleo_loss
from reference_impl.losses.self_distillation import dino_terms, moved_center, teacher_distribution
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.masks.rectangles import random_rectangles
from reference_impl.method import (
    MORE_SEEDS,
    Arm,
    Batch,
    Claim,
    Method,
    Preset,
    Recipe,
    StepOutput,
    ViewPlan,
)
from reference_impl.prototypes import PrototypeHead, usage
from reference_impl.shapes import Bool, Tensor

_PAPER = "arXiv:2104.14294"
_CODE = "gh:facebookresearch/dino@7c446df5b9f45747937fb0d72314eb9f7b66930a"
_IBOT = "gh:bytedance/ibot@da316d82636a7a7356835ef224b13d5f3ace0489"
_V2 = "gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0"

Centring = Literal["center", "sinkhorn", "none"]


@dataclass(frozen=True)
class DINOConfig:
    """Settings of DINO; the defaults are those of main_dino.py.

    `temperature` is the student's; the teacher's rises linearly from
    `warmup_teacher_temperature` to `teacher_temperature` over the share `temperature_warmup` of
    the training, that of patches to `teacher_patch_temperature` (None: the class token's) from
    the same start. The last layer stays as drawn for the share `freeze_last_layer`. The teacher's
    momentum rises from `ema_momentum` to `ema_final` along half a cosine.

    `ibot_weight` above 0 hides a rectangle in `mask_probability` of the global crops, of
    `mask_share` of their patches, and needs a vision transformer; patches share the class
    token's head. `koleo_weight` multiplies the sum over global crops, as in DINOv2, whose
    neighbours lie in the same process: `koleo_scope`.
    """

    prototypes: int = 65_536
    hidden_width: int = 2048
    bottleneck: int = 256
    head_layers: int = 3
    head_norm: bool = False
    norm_last_layer: bool = True
    temperature: float = 0.1
    teacher_temperature: float = 0.04
    teacher_patch_temperature: float | None = None
    warmup_teacher_temperature: float = 0.04
    temperature_warmup: float = 0.0
    centring: Centring = "center"
    center_momentum: float = 0.9
    ema_momentum: float = 0.996
    ema_final: float = 1.0
    freeze_last_layer: float = 0.01
    small_crops: int = 8
    ibot_weight: float = 0.0
    mask_probability: float = 0.5
    mask_share: tuple[float, float] = (0.1, 0.5)
    koleo_weight: float = 0.0
    koleo_scope: Scope = "global"


class DINO(Method):
    """A student that predicts what its own moving average says of another crop."""

    name = "dino"
    plan = ViewPlan(views=2, small=8)
    capturable = False

    def __init__(self, encoder: nn.Module, config: DINOConfig) -> None:
        super().__init__(encoder, config)
        self.plan = replace(type(self).plan, small=config.small_crops)  # type: ignore[misc]
        self.head = _head(int(encoder.width), config)  # type: ignore[arg-type, unused-ignore]
        if config.ibot_weight:
            vit = needs_patches(encoder, "iBOT's patch loss")
            self.mask_token = nn.Parameter(torch.zeros(vit.width))
        self.teacher = frozen_copy(nn.ModuleDict({"encoder": encoder, "head": self.head}))
        without_drop_path(self.teacher)
        self.register_buffer("center", torch.zeros(config.prototypes))
        self.register_buffer("patch_center", torch.zeros(config.prototypes))
        self.progress = 0.0

    @property
    def evaluated_encoder(self) -> nn.Module:
        """The teacher's encoder: eval_knn.py at 04c0ad9 judges it unless told otherwise."""
        return self.teacher["encoder"]

    def get_extra_state(self) -> dict[str, float]:
        """Return how far the training has come: schedules inside a step depend on it."""
        return {"progress": self.progress}

    def set_extra_state(self, state: Mapping[str, float]) -> None:
        """Take up the schedules where a checkpoint left them."""
        self.progress = state["progress"]

    def step(self, batch: Batch) -> StepOutput:
        """Predict the teacher's view of every global crop from all other crops."""
        views, count = torch.cat(batch.views), len(batch.views)
        mask = self._draw_mask(views)
        features, patches = self._encode(views, mask)
        teacher_logits, teacher_patches = self._teach(views, mask)
        embeddings = self.head.mlp(features)
        logits = [*self.head.compare(embeddings).chunk(count), *self._small_logits(batch.small)]
        targets = self._targets(teacher_logits, self.center, self.teacher_temperature)
        found = dino_terms(logits, targets.chunk(count), self.config.temperature)
        loss, terms = found.loss, usage(targets)
        terms["term/dino_global"] = found.across_global.detach()
        terms["center_norm"] = self.center.norm()
        if batch.small:
            terms["term/dino_local"] = found.to_local.detach()
        if mask is not None:
            patch_targets = self._targets(
                teacher_patches, self.patch_center, self.patch_temperature
            )
            ibot = ibot_loss(self.head(patches), patch_targets, mask, self.config.temperature)
            loss = loss + self.config.ibot_weight * ibot
            terms["term/ibot"] = ibot.detach()
        if self.config.koleo_weight:
            scope = self.config.koleo_scope
            koleo = torch.stack([koleo_loss(crop, scope=scope) for crop in features.chunk(count)])
            loss = loss + self.config.koleo_weight * koleo.sum()
            terms["term/koleo"] = koleo.detach().mean()
        self._move_centers(teacher_logits, teacher_patches)
        detached = (features.detach().chunk(count), embeddings.detach().chunk(count))
        return StepOutput(loss, terms, *detached)

    def before_update(self, progress: float) -> None:
        """Keep the last layer as it is in the beginning, without touching optimiser state."""
        if progress < self.config.freeze_last_layer:
            for parameter in self.head.last.parameters():
                parameter.grad = None

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Move the teacher towards the student."""
        self.progress = progress
        share = cosine_to_one(0.0, progress)
        momentum = linear_to(self.config.ema_momentum, self.config.ema_final, share)
        move_average(self.teacher["encoder"], self.encoder, momentum)
        move_average(self.teacher["head"], self.head, momentum)
        return {"ema_m": momentum, "teacher_temp": self.teacher_temperature}

    @property
    def teacher_temperature(self) -> float:
        """Return the teacher's temperature at this point of the training."""
        return self._warmed(self.config.teacher_temperature)

    @property
    def patch_temperature(self) -> float:
        """Return the teacher's temperature for patches at this point of the training."""
        own = self.config.teacher_patch_temperature
        return self._warmed(self.config.teacher_temperature if own is None else own)

    def _warmed(self, final: float) -> float:
        warmup = self.config.temperature_warmup
        if self.progress >= warmup:
            return float(final)
        return linear_to(self.config.warmup_teacher_temperature, final, self.progress / warmup)

    def _draw_mask(self, views: Tensor) -> Bool[Tensor, "images patches"] | None:
        if not self.config.ibot_weight:
            return None
        grid = self.encoder.grid_of(views)
        return random_rectangles(
            len(views), grid, self.config.mask_share, self.config.mask_probability
        )

    def _encode(self, views: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return features, and the output of the patches that were hidden if there is a mask."""
        if mask is None:
            return self.encoder(views), None
        hide = mask.to(views.device, non_blocking=True)
        tokens = self.encoder.tokens(views, hide=hide, mask_token=self.mask_token)
        return self.encoder.pool(tokens), _masked_patches(tokens, self.encoder.prefix, mask)

    @torch.no_grad()
    def _teach(self, views: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the teacher's logits of whole crops, and of the patches the student lacks."""
        encoder, head = self.teacher["encoder"], self.teacher["head"]
        if mask is None:
            return head(encoder(views)), None
        tokens = encoder.tokens(views)
        patches = _masked_patches(tokens, encoder.prefix, mask)
        return head(encoder.pool(tokens)), head(patches)

    def _small_logits(self, small: Sequence[Tensor]) -> Sequence[Tensor]:
        if not small:
            return ()
        logits = self.head(self.encoder(torch.cat(tuple(small))))
        return tuple(logits.chunk(len(small)))

    def _targets(self, logits: Tensor, center: Tensor, temperature: float) -> Tensor:
        centring = self.config.centring
        if centring == "sinkhorn":
            bound = 1.0 if self.config.norm_last_layer else None
            return sinkhorn(logits, temperature, bound=bound)
        return teacher_distribution(logits, temperature, center if centring == "center" else None)

    @torch.no_grad()
    def _move_centers(self, logits: Tensor, patch_logits: Tensor | None) -> None:
        if self.config.centring == "center" and self.training:
            momentum = self.config.center_momentum
            self.center.copy_(moved_center(self.center, logits, momentum))
            if patch_logits is not None:
                self.patch_center.copy_(moved_center(self.patch_center, patch_logits, momentum))


def _head(width: int, config: DINOConfig) -> PrototypeHead:
    return PrototypeHead(
        width,
        config.prototypes,
        hidden_width=config.hidden_width,
        bottleneck=config.bottleneck,
        layers=config.head_layers,
        norm=config.head_norm,
        learnt_length=not config.norm_last_layer,
    )


def _masked_patches(tokens: Tensor, prefix: int, mask: Tensor) -> Tensor:
    """Return the patch tokens under `mask`; it lies on the CPU, so that no GPU is waited for."""
    index = mask.flatten().nonzero()[:, 0].to(tokens.device, non_blocking=True)
    return tokens[:, prefix:].flatten(0, 1)[index]


def _recipe(epochs: int, batch_size: int, grad_clip: float | None = 3.0) -> Recipe:
    """Return the recipe of main_dino.py: the rate ends at 1e-6, here as a share of the peak, and
    each parameter's gradient is clipped by its own norm (utils.py#L132-L141, iBOT's #L154-L163)."""
    peak = 5e-4 * batch_size / 256
    return Recipe(
        "adamw",
        base_lr=5e-4,
        batch_size=batch_size,
        epochs=epochs,
        warmup_epochs=10.0,
        weight_decay=0.04,
        final_weight_decay=0.4,
        final_lr=1e-6 / peak,
        grad_clip=grad_clip,
        grad_clip_scope="tensor",
    )


_IBOT_CONFIG = DINOConfig(
    prototypes=8192,
    small_crops=0,
    ibot_weight=1.0,
    mask_probability=1.0,
    mask_share=(0.3, 0.3),
    temperature_warmup=0.3,
    teacher_temperature=0.04,
    teacher_patch_temperature=0.07,
)
_V2_CONFIG = DINOConfig(
    teacher_temperature=0.07,
    temperature_warmup=0.3,
    norm_last_layer=False,
    ema_momentum=0.992,
    ibot_weight=1.0,
    koleo_weight=0.1,
    koleo_scope="process",
)
_SMALL_CONFIG = DINOConfig(
    prototypes=1024,
    hidden_width=256,
    bottleneck=64,
    ema_momentum=0.99,
    small_crops=0,
)

PRESETS = {
    "paper": Preset(
        DINOConfig(
            teacher_temperature=0.07,
            temperature_warmup=0.1,
            norm_last_layer=False,
            freeze_last_layer=1 / 300,
        ),
        _recipe(300, 1024),
        f"{_PAPER} section 3.2; {_CODE}:README.md#L185-L197 gives the run, of ViT-S on 16 GPUs of "
        "64 images with 8 local crops; Table 8's best has 10",
    ),
    "official": Preset(
        DINOConfig(), _recipe(100, 512), f"{_CODE}:main_dino.py#L41-L129, 8 GPUs of 64 images"
    ),
    "ibot": Preset(
        _IBOT_CONFIG,
        _recipe(100, 1024),
        f"{_IBOT}:main_ibot.py#L33-L151. Not modelled: the centre of patches is over all of them, "
        "and the student's last layer for patches is one of its own",
    ),
    "dinov2": Preset(
        _V2_CONFIG,
        replace(
            _recipe(100, 512),
            base_lr=0.004 * 0.5**0.5,
            lr_batch=0,
            final_lr=1e-6 / 0.00283,
            grad_clip_scope="global",
        ),
        f"{_V2}:dinov2/configs/ssl_default_config.yaml at 8 GPUs of 64 images; the rate grows "
        "with the root of the batch, 0.004 at 1024. Not modelled: the layer-wise decay of the rate "
        "and the fifth of it for the patch projection; backbone and head are clipped each by its "
        "own norm (train/train.py#L249-L259), here both by one",
    ),
    "small": Preset(
        _SMALL_CONFIG,
        Recipe(
            "adamw",
            base_lr=2e-3,
            batch_size=256,
            epochs=40,
            warmup_epochs=3.0,
            weight_decay=0.04,
            grad_clip=3.0,
        ),
        "our choice for 28 to 32 pixels on a CPU",
    ),
}

_REFERENCE = Arm("as published")
CLAIMS = (
    Claim(
        "without-centring-one-prototype-wins",
        "Without centring the teacher's distributions shrink to one prototype.",
        f"{_PAPER} section 5.3, Figure 7",
        (_REFERENCE, Arm("no centring", {"centring": "none"})),
        measure="proto_perplexity",
        expect="lower",
        margin=0.5,
        entries=("distill/centering-missing", "cluster/single-cluster"),
    ),
    Claim(
        "without-sharpening-little-is-learnt",
        "With a teacher as flat as temperature 1 the features are worse.",
        f"{_PAPER} section 5.3, Figure 7",
        (
            _REFERENCE,
            Arm("no sharpening", {"teacher_temperature": 1.0, "warmup_teacher_temperature": 1.0}),
        ),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        entries=("distill/teacher-temperature-too-high",),
    ),
    Claim(
        "a-copy-of-the-student-is-no-teacher",
        "With the student itself as teacher the features are worse than with a moving average.",
        f"{_PAPER} section 5.2, Table 7",
        (_REFERENCE, Arm("copied teacher", {"ema_momentum": 0.0, "ema_final": 0.0})),
        measure="knn_acc",
        expect="lower",
        margin=1.0,
        seeds=MORE_SEEDS,
        entries=("distill/teacher-is-student", "distill/ema-momentum-too-low"),
    ),
    Claim(
        "sinkhorn-can-replace-centring",
        "Sinkhorn codes in place of centring reach the same accuracy.",
        f"{_PAPER} Table 7; {_V2} offers both",
        (_REFERENCE, Arm("Sinkhorn", {"centring": "sinkhorn"})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("distill/centering-missing",),
    ),
)
