"""SimSiam (Chen, He 2021): predict the other view's projection, with a stop-gradient alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from reference_impl.ema import frozen_copy, move_average
from reference_impl.heads import mlp
from reference_impl.losses.directions import cosine
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

_PAPER = "arXiv:2011.10566"
_CODE = "gh:facebookresearch/simsiam@a7bc1772896d0dad0806c51f0bb6f3b16d290468"


def simsiam_loss(
    predictions: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    targets: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    *,
    stop_gradient: bool = True,
    symmetric: bool = True,
) -> Float[Tensor, ""]:
    """Return the mean negative cosine of each view's prediction and the other view's projection.

        1/2 D(p1, stop(z2)) + 1/2 D(p2, stop(z1)),   D(p, z) = - mean_b p/|p| . z/|z|

    `predictions` and `targets` are those of view 1 and view 2, (batch, dim) each. Paper:
    https://arxiv.org/abs/2011.10566 (Eq. 1 to 4). Official code:
    https://github.com/facebookresearch/simsiam/blob/a7bc177/main_simsiam.py#L294-L295.

    The official code, lightly, solo-learn and stable-pretraining all average the directions;
    `symmetric` False takes D(p1, stop(z2)) alone (section 4.6). Unrelated views give 0. The best
    value is -1, and constant outputs reach it. Half precision is computed in float32.
    """
    if stop_gradient:
        targets = (targets[0].detach(), targets[1].detach())
    one_way = _negative_cosine(predictions[0], targets[1])
    return (one_way + _negative_cosine(predictions[1], targets[0])) / 2 if symmetric else one_way


def _negative_cosine(predictions: Tensor, targets: Tensor) -> Tensor:
    if predictions.shape != targets.shape or predictions.ndim != 2:
        raise ValueError(
            "a prediction (batch, dim) must have the shape of the other view's projection, "
            f"found {tuple(predictions.shape)} and {tuple(targets.shape)}"
        )
    return -cosine(predictions, targets).mean()


@dataclass(frozen=True)
class SimSiamConfig:
    """Heads and the parts that can be left out.

    `hidden_layers` counts the projector's layers before the last. Without `predictor` the
    projection itself is compared. `ema_momentum` None compares with the network itself, as
    SimSiam does; a number compares with a moving average of it, as BYOL does.
    """

    dim: int = 2048
    hidden_dim: int = 2048
    hidden_layers: int = 2
    predictor_dim: int = 512
    predictor: bool = True
    stop_gradient: bool = True
    symmetric: bool = True
    head_norm: bool = True
    ema_momentum: float | None = None


_IMAGENET = Recipe(
    "sgd",
    base_lr=0.05,
    batch_size=512,
    epochs=100,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    exclude_norm_and_bias=False,
)

_SMALL_RECIPE = Recipe(
    "adamw",
    base_lr=3e-3,
    lr_batch=0,
    batch_size=128,
    epochs=48,
    warmup_epochs=1.0,
    weight_decay=0.05,
)
"""Nearest neighbours after 500 updates, one seed: 0.895, 0.893 with a weight decay of 0.3, 0.879
with SGD at a rate of 0.1. 48 epochs: 0.941 at 115 s of processor time."""

PRESETS = {
    "paper": Preset(SimSiamConfig(), _IMAGENET, f"{_PAPER} section 3, baseline settings"),
    "official": Preset(SimSiamConfig(), _IMAGENET, f"{_CODE}:main_simsiam.py#L47-L91"),
    "small": Preset(
        SimSiamConfig(dim=256, hidden_dim=256, hidden_layers=1, predictor_dim=64),
        _SMALL_RECIPE,
        "ours: measured on MNIST digits by benchmarks/mnist_knn.py",
    ),
}


class SimSiam(Method):
    """An encoder and projector shared by both views, and a predictor on one side at a time."""

    name = "simsiam"

    def __init__(self, encoder: nn.Module, config: SimSiamConfig) -> None:
        super().__init__(encoder, config)
        self.projector = mlp(
            [encoder.width, *[config.hidden_dim] * config.hidden_layers, config.dim],
            norm=config.head_norm,
            last_norm=config.head_norm,
            last_affine=False,
        )
        self.predictor: nn.Module = nn.Identity()
        if config.predictor:
            self.predictor = mlp(
                [config.dim, config.predictor_dim, config.dim], norm=config.head_norm
            )
        self.target: nn.Module | None = None
        if config.ema_momentum is not None:
            self.target = frozen_copy(nn.Sequential(encoder, self.projector))

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first two views."""
        views = batch.views[:2]
        features = tuple(self.encoder(view) for view in views)
        embeddings = tuple(self.projector(rows) for rows in features)
        predictions = tuple(self.predictor(rows) for rows in embeddings)
        targets = embeddings
        if self.target is not None:
            with torch.no_grad():
                targets = tuple(self.target(view) for view in views)
        return StepOutput(
            loss=simsiam_loss(
                predictions,
                targets,
                stop_gradient=self.config.stop_gradient,
                symmetric=self.config.symmetric,
            ),
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Move the target, if there is one of its own."""
        del progress
        if self.target is None:
            return {}
        momentum = self.config.ema_momentum
        move_average(self.target, nn.Sequential(self.encoder, self.projector), momentum)
        return {"ema_m": momentum}


_AS_PUBLISHED = Arm("predictor and stop-gradient")

_COLLAPSE_STEPS = 400
"""Updates of both arms where a collapse is expected. Without the stop-gradient the spread is 0.51
of the reference's after 200 (one seed) and 0.36 to 0.43 after 400 (three): it needs the time to
fall, since the projector's last BatchNorm holds every dimension's variance."""

CLAIMS = (
    Claim(
        "stop-gradient-prevents-collapse",
        "Without the stop-gradient SimSiam collapses: in so few updates its spread halves.",
        f"{_PAPER} section 4.1 (0.1% without, 67.7% with)",
        (_AS_PUBLISHED, Arm("no stop-gradient", {"stop_gradient": False})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        steps=_COLLAPSE_STEPS,
        entries=("distill/no-stop-gradient", "collapse/complete"),
    ),
    Claim(
        "predictor-prevents-collapse",
        "Without its predictor SimSiam collapses: in so few updates the projection has lost most "
        "of its directions.",
        f"{_PAPER} section 4.2 and Table 1 (0.1% without predictor)",
        (_AS_PUBLISHED, Arm("no predictor", {"predictor": False})),
        measure="erank_z",
        expect="lower",
        margin=0.7,
        steps=_COLLAPSE_STEPS,
        entries=("distill/no-predictor", "collapse/complete"),
    ),
    Claim(
        "moving-average-is-not-what-prevents-collapse",
        "SimSiam is as spread out without a moving-average target as with one.",
        f"{_PAPER} section 6.2 (a momentum encoder helps accuracy, not against collapse)",
        (Arm("target with momentum 0.99", {"ema_momentum": 0.99}), Arm("the network itself")),
        measure="z_std",
        expect="same",
        margin=0.2,
        entries=("distill/ema-target-no-benefit",),
    ),
    Claim(
        "one-direction-does-not-collapse",
        "With one direction of the loss alone SimSiam is as spread out as with both.",
        f"{_PAPER} section 4.6 (64.8% asymmetric, 68.1% symmetric)",
        (_AS_PUBLISHED, Arm("one direction", {"symmetric": False})),
        measure="z_std",
        expect="same",
        margin=0.2,
        entries=("collapse/complete",),
    ),
    Claim(
        "without-batch-norm-in-heads-learns-little",
        "Without BatchNorm in its heads SimSiam learns much less.",
        f"{_PAPER} section 4.4 and Table 3 (34.6% without any)",
        (_AS_PUBLISHED, Arm("no BatchNorm in the heads", {"head_norm": False})),
        measure="knn_acc",
        expect="lower",
        margin=0.97,
        entries=("norm/missing-in-head", "norm/replacing-bn-breaks-method"),
    ),
)
