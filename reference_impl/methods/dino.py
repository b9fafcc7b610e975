"""DINO (Caron et al. 2021), with iBOT's patch loss and DINOv2's KoLeo as options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from reference_impl.distributed import mean_over_processes, sum_over_processes
from reference_impl.ema import cosine_to_one, frozen_copy, linear_to, move_average
from reference_impl.encoders.vit import initialise, needs_patches, without_drop_path
from reference_impl.heads import mlp
from reference_impl.losses.koleo import koleo_loss
from reference_impl.losses.precision import at_least_float32
from reference_impl.losses.sinkhorn import sinkhorn
from reference_impl.masks import random_rectangles
from reference_impl.method import (
    Arm,
    Batch,
    Claim,
    Method,
    Preset,
    Recipe,
    StepOutput,
    ViewPlan,
)
from reference_impl.prototypes import UnitRows, code_cross_entropy, usage
from reference_impl.shapes import Bool, Float, Tensor

_PAPER = "arXiv:2104.14294"
_CODE = "gh:facebookresearch/dino@7c446df5b9f45747937fb0d72314eb9f7b66930a"
_IBOT = "gh:bytedance/ibot@da316d82636a7a7356835ef224b13d5f3ace0489"
_V2 = "gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0"

Centring = Literal["center", "sinkhorn", "none"]
Logits = Float[Tensor, "batch prototypes"]


class DINOTerms(NamedTuple):
    """The loss, and its means over pairs with another global crop and with a local crop."""

    loss: Float[Tensor, ""]
    across_global: Float[Tensor, ""]
    to_local: Float[Tensor, ""]


@torch.no_grad()
def teacher_distribution(
    logits: Float[Tensor, "*batch prototypes"],
    temperature: float,
    center: Float[Tensor, " prototypes"] | None = None,
) -> Float[Tensor, "*batch prototypes"]:
    """Return softmax((logits - center)/temperature), in float32 at least and without gradient.

    `center` None leaves centring out. main_dino.py#L387-L390 at 7c446df.
    """
    logits = at_least_float32(logits)
    if center is not None:
        logits = logits - center
    return (logits / temperature).softmax(dim=-1)


def dino_terms(
    student: Sequence[Logits],
    targets: Sequence[Logits],
    temperature: float = 0.1,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> DINOTerms:
    """Return the cross-entropy of every student crop with every teacher crop but its own.

    H(t, s) = -sum_k t_k log softmax(s/temperature)_k, averaged over images. `student` holds
    logits, the teacher's crops first; `targets` the teacher's distributions.

    "mean" averages over the pairs: the official code (main_dino.py#L380-L404 at 7c446df),
    lightly, solo-learn, stable-pretraining; DINOv2 arrives at the same total but logs each part
    times its share of the pairs (dinov2/train/ssl_meta_arch.py). "sum" adds the pairs as Eq. 3 of
    the paper (arXiv:2104.14294) is written; its Algorithm 1 takes the mean.
    ValueError if no pair is left.
    """
    teachers = len(targets)
    if len(student) < 2 or len(student) < teachers:
        raise ValueError(
            f"DINO pairs each teacher crop with other crops, found {teachers} of the teacher "
            f"and {len(student)} of the student"
        )
    among: list[Tensor] = []
    to_local: list[Tensor] = []
    for crop, logits in enumerate(student):
        others = [target for view, target in enumerate(targets) if view != crop]
        if others:
            value = code_cross_entropy(others, logits, temperature).mean()
            (among if crop < teachers else to_local).append(value)
    pairs_among, pairs_local = teachers * (teachers - 1), teachers * len(to_local)
    zero = at_least_float32(student[0]).new_zeros(())
    sum_among, sum_local = sum(among, zero), sum(to_local, zero)
    total = sum_among + sum_local
    return DINOTerms(
        total if reduction == "sum" else total / (pairs_among + pairs_local),
        sum_among / max(pairs_among, 1),
        sum_local / max(pairs_local, 1),
    )


def dino_loss(
    student: Sequence[Logits],
    targets: Sequence[Logits],
    temperature: float = 0.1,
    *,
    reduction: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, ""]:
    """Return the loss of `dino_terms`, which explains arguments and conventions."""
    return dino_terms(student, targets, temperature, reduction=reduction).loss


def ibot_loss(
    student: Float[Tensor, "masked prototypes"],
    targets: Float[Tensor, "masked prototypes"],
    mask: Bool[Tensor, "images patches"],
    temperature: float = 0.1,
    *,
    convention: Literal["per_image", "per_token"] = "per_image",
) -> Float[Tensor, ""]:
    """Return the cross-entropy of masked patches; `mask` says which rows belong to which image.

    "per_image" averages over the masked patches of each image, then over all images, and an
    image without masked patches counts as 0: iBOT (main_ibot.py#L540-L554 at da316d8), DINOv2
    (dinov2/loss/ibot_patch_loss.py#L105-L126 at b8931f7), lightly. "per_token" averages over all
    masked patches of the batch: stable-pretraining. Rows are in the order of mask.nonzero().
    """
    entropies = code_cross_entropy([targets], student, temperature)
    if convention == "per_token":
        count = mean_over_processes(entropies.new_tensor(float(len(entropies))))
        return entropies.sum() / count.clamp(min=1.0)
    share = 1.0 / mask.sum(dim=-1, keepdim=True).clamp(min=1)
    return (entropies * share.expand(mask.shape)[mask].to(entropies)).sum() / len(mask)


@torch.no_grad()
def moved_center(
    center: Float[Tensor, " prototypes"], logits: Logits, momentum: float = 0.9
) -> Float[Tensor, " prototypes"]:
    """Return momentum * center + (1 - momentum) * mean of the teacher's logits.

    The mean runs over the rows of all processes, which may hold different numbers of rows
    (main_dino.py#L406-L416 at 7c446df). Without any row the centre stays.
    """
    total = at_least_float32(logits).sum(dim=0)
    count = sum_over_processes(total.new_tensor(float(len(logits))))
    mean = sum_over_processes(total) / count.clamp(min=1.0)
    return center.lerp(mean.to(center.dtype), (count > 0).to(center.dtype) * (1.0 - momentum))


@dataclass(frozen=True)
class DINOConfig:
    """Settings of DINO; the defaults are those of main_dino.py.

    `temperature` is the student's; the teacher's rises linearly from
    `warmup_teacher_temperature` to `teacher_temperature` over the share `temperature_warmup` of
    the training. The last layer stays as drawn for the share `freeze_last_layer`. The teacher's
    momentum rises from `ema_momentum` to `ema_final` along half a cosine.

    `ibot_weight` above 0 hides a rectangle in `mask_probability` of the global crops, of
    `mask_share` of their patches, and needs a vision transformer; patches share the class
    token's head. `koleo_weight` multiplies the sum over global crops, as in DINOv2.
    """

    prototypes: int = 65_536
    hidden_width: int = 2048
    bottleneck: int = 256
    head_layers: int = 3
    head_norm: bool = False
    norm_last_layer: bool = True
    temperature: float = 0.1
    teacher_temperature: float = 0.04
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


class DINOHead(nn.Module):
    """MLP, L2 normalisation, then prototypes: logits are cosines unless lengths are learnt.

    vision_transformer.py#L257-L291 at 7c446df; weights are truncated normals of deviation 0.02.
    """

    def __init__(self, width: int, config: DINOConfig) -> None:
        super().__init__()
        hidden = [config.hidden_width] * (config.head_layers - 1)
        widths = (width, *hidden, config.bottleneck)
        self.mlp = mlp(widths, norm=config.head_norm, activation=nn.GELU)
        initialise(self.mlp, "truncated")
        self.last = UnitRows(
            config.bottleneck, config.prototypes, learnt_length=not config.norm_last_layer
        )

    def forward(self, features: Float[Tensor, "batch width"]) -> Logits:
        """Return one logit per prototype."""
        return self.compare(self.mlp(features))

    def compare(self, embeddings: Float[Tensor, "batch bottleneck"]) -> Logits:
        """Return the logits of what the MLP gave; its length is taken in float32 at least."""
        return self.last(functional.normalize(at_least_float32(embeddings), dim=-1))


class DINO(Method):
    """A student that predicts what its own moving average says of another crop."""

    name = "dino"
    plan = ViewPlan(views=2, small=8)
    capturable = False

    def __init__(self, encoder: nn.Module, config: DINOConfig) -> None:
        super().__init__(encoder, config)
        self.plan = replace(type(self).plan, small=config.small_crops)  # type: ignore[misc]
        self.head = DINOHead(int(encoder.width), config)  # type: ignore[arg-type, unused-ignore]
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
        targets = self._targets(teacher_logits, self.center)
        found = dino_terms(logits, targets.chunk(count), self.config.temperature)
        loss, terms = found.loss, usage(targets)
        terms["term/dino_global"] = found.across_global.detach()
        terms["center_norm"] = self.center.norm()
        if batch.small:
            terms["term/dino_local"] = found.to_local.detach()
        if mask is not None:
            patch_targets = self._targets(teacher_patches, self.patch_center)
            ibot = ibot_loss(self.head(patches), patch_targets, mask, self.config.temperature)
            loss = loss + self.config.ibot_weight * ibot
            terms["term/ibot"] = ibot.detach()
        if self.config.koleo_weight:
            koleo = torch.stack([koleo_loss(crop) for crop in features.chunk(count)])
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
        warmup, final = self.config.temperature_warmup, self.config.teacher_temperature
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

    def _targets(self, logits: Tensor, center: Tensor) -> Tensor:
        temperature, centring = self.teacher_temperature, self.config.centring
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


def _masked_patches(tokens: Tensor, prefix: int, mask: Tensor) -> Tensor:
    """Return the patch tokens under `mask`; it lies on the CPU, so that no GPU is waited for."""
    index = mask.flatten().nonzero()[:, 0].to(tokens.device, non_blocking=True)
    return tokens[:, prefix:].flatten(0, 1)[index]


def _recipe(epochs: int, batch_size: int, grad_clip: float | None = 3.0) -> Recipe:
    """Return the recipe of main_dino.py: the rate ends at 1e-6, here as a share of the peak."""
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
    )


_IBOT_CONFIG = DINOConfig(
    prototypes=8192,
    small_crops=0,
    ibot_weight=1.0,
    mask_probability=1.0,
    mask_share=(0.3, 0.3),
    temperature_warmup=0.3,
    teacher_temperature=0.04,
)
_V2_CONFIG = DINOConfig(
    teacher_temperature=0.07,
    temperature_warmup=0.3,
    norm_last_layer=False,
    ema_momentum=0.992,
    ibot_weight=1.0,
    koleo_weight=0.1,
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
        DINOConfig(teacher_temperature=0.07, temperature_warmup=0.1, small_crops=10),
        _recipe(300, 1024),
        f"{_PAPER} section 3.2; {_CODE}:README.md gives the run",
    ),
    "official": Preset(
        DINOConfig(), _recipe(100, 512), f"{_CODE}:main_dino.py#L41-L129, 8 GPUs of 64 images"
    ),
    "ibot": Preset(_IBOT_CONFIG, _recipe(100, 1024), f"{_IBOT}:main_ibot.py#L33-L151"),
    "dinov2": Preset(
        _V2_CONFIG,
        replace(_recipe(100, 512), base_lr=0.004 * 0.5**0.5, lr_batch=0, final_lr=1e-6 / 0.00283),
        f"{_V2}:dinov2/configs/ssl_default_config.yaml at 8 GPUs of 64 images; the rate grows "
        "with the root of the batch, 0.004 at 1024; layer-wise decay of the rate is left out",
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
        "without-sharpening-outputs-become-uniform",
        "With a teacher as flat as temperature 1 the features stay those of an untrained network.",
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
