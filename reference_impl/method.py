"""What a method is: the batch it takes, what a step returns, its presets and its claims.

A module of `reference_impl.methods` holds one method: a frozen config, `PRESETS`, pure loss
functions on tensors, a `Method`, and `CLAIMS`. No method imports another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import nn

from reference_impl.shapes import Float, Int, Tensor

Optimizer = Literal["sgd", "lars", "adamw"]
ClipScope = Literal["global", "tensor"]
"""Whose norm is clipped: that of all gradients together, or of each parameter's own."""


@dataclass(frozen=True)
class Batch:
    """One step's data, on one device.

    `views` are (batch, channels, height, width) each, global crops first; `small` are the local
    crops of multi-crop methods. `labels` (batch,) serve SupCon and probes, `texts`
    (batch, tokens) CLIP and SigLIP.
    """

    views: tuple[Float[Tensor, "batch channels height width"], ...]
    small: tuple[Float[Tensor, "batch channels height width"], ...] = ()
    labels: Int[Tensor, " batch"] | None = None
    texts: Int[Tensor, "batch tokens"] | None = None


@dataclass(frozen=True)
class StepOutput:
    """What one step gives.

    `loss` has a graph; everything else is detached. `terms` are scalars under vocabulary names,
    `features` the backbone's output of each view (batch, width), `embeddings` the projector's
    output of each view (batch, dim), not normalised.
    """

    loss: Float[Tensor, ""]
    terms: Mapping[str, Float[Tensor, ""]] = field(default_factory=dict)
    features: tuple[Float[Tensor, "batch width"], ...] = ()
    embeddings: tuple[Float[Tensor, "batch dim"], ...] = ()


@dataclass(frozen=True)
class ViewPlan:
    """What the trainer has to render for one step of a method.

    `augmented` False means crop and flip only, as masked methods want it.
    """

    views: int = 2
    small: int = 0
    augmented: bool = True
    labels: bool = False
    texts: bool = False


@dataclass(frozen=True)
class Recipe:
    """How a method is trained. The learning rate is `base_lr * global batch / lr_batch`.

    `lr_batch` 0 means that `base_lr` is used as it stands; `warmup_epochs` counts epochs of the
    data set; `final_lr` is a share of the peak; `grad_clip` a norm, None for none, taken as
    `grad_clip_scope` says. `exclude_norm_and_bias` takes parameters of fewer than two dimensions
    out of weight decay and layer-wise scaling; `excluded_lr_share` is their learning rate as a
    share of the others', and says nothing where none are excluded.
    """

    optimizer: Optimizer
    base_lr: float
    batch_size: int
    epochs: int
    lr_batch: int = 256
    warmup_epochs: float = 10.0
    weight_decay: float = 0.0
    final_weight_decay: float | None = None
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    final_lr: float = 0.0
    grad_clip: float | None = None
    grad_clip_scope: ClipScope = "global"
    exclude_norm_and_bias: bool = True
    excluded_lr_share: float = 1.0


@dataclass(frozen=True)
class Preset:
    """Settings that belong together. `source` says where they stand: a section of the paper, or
    the official code at a commit, file and line."""

    config: Any
    recipe: Recipe
    source: str


@dataclass(frozen=True)
class Arm:
    """One side of a claim's comparison: what it changes in config and recipe."""

    name: str
    config: Mapping[str, object] = field(default_factory=dict)
    recipe: Mapping[str, object] = field(default_factory=dict)


CLAIM_STEPS = 200
"""Updates of an arm: six epochs of the 4,000 digits, so that all claims of all methods fit in 45
minutes on two cores. A choice; a claim whose effect takes longer to show says so."""

CLAIM_SEEDS = 3
"""Trainings of an arm; fewer give an interval too wide for any margin."""

MORE_SEEDS = 5
"""Trainings of an arm where three once moved the same way and still left the claim undecided."""


@dataclass(frozen=True)
class Claim:
    """A sentence about a method that short trainings can confirm or refute.

    Both arms start from the same weights and see the same batches. Over seeds, the ratio of
    `measure` in the second arm to that in the first must lie, with its interval, below `margin`
    for `lower`, above it for `higher`, within 1 +- `margin` for `same`. `measure` is a
    vocabulary name of the run's final metrics, `steps` the updates of each arm, `seeds` how many
    times each is trained, `entries` the catalogue ids it bears on.
    """

    id: str
    text: str
    source: str
    arms: tuple[Arm, Arm]
    measure: str
    expect: Literal["lower", "higher", "same"]
    margin: float
    steps: int = CLAIM_STEPS
    seeds: int = CLAIM_SEEDS
    entries: tuple[str, ...] = ()


class Method(nn.Module):
    """An encoder, what sits on it, and a loss. `encoder` has `width` and maps images
    (batch, channels, height, width) to features (batch, width)."""

    name: ClassVar[str]
    plan: ClassVar[ViewPlan] = ViewPlan()
    capturable: ClassVar[bool] = True
    """False for a step that depends on Python state (a schedule, a step counter, what is drawn on
    the CPU, a layer whose gradient is cancelled for a while), which a CUDA graph would freeze as
    it found it first, or that waits for the device, which a capture does not allow."""

    def __init__(self, encoder: nn.Module, config: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = config

    @property
    def evaluated_encoder(self) -> nn.Module:
        """The network whose features probes judge: the trained encoder, unless the paper reports
        another one, such as a teacher that is its moving average."""
        return self.encoder

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of one batch and what the monitor reads."""
        raise NotImplementedError

    def forward(self, batch: Batch) -> StepOutput:
        """Do a step; DistributedDataParallel hooks in here."""
        return self.step(batch)

    def before_update(self, progress: float) -> None:
        """Do what comes between the gradients (reduced, unscaled, clipped) and the optimiser's
        update: cancel the gradient of a layer that is still frozen, say. `progress` as below."""
        del progress

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Do what follows the optimiser's update (a moving average, say); `progress` runs from 0
        to 1 over the training. Return what is worth logging."""
        del progress
        return {}
