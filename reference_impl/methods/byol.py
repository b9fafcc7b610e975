"""BYOL (Grill et al. 2020): predict the projection that a moving average of the network makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from reference_impl.ema import cosine_to_one, frozen_copy, move_average
from reference_impl.heads import mlp
from reference_impl.losses.directions import squared_gap
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "mean", "mse", "cosine"]
"""How directions and dimensions are added up; `byol_loss` says what differs."""

_PAPER = "arXiv:2006.07733"
_CODE = "gh:google-deepmind/deepmind-research@f5de0ede8430809180254ee957abf36ed62579ef:byol"


def byol_loss(
    predictions: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    targets: tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch dim"]],
    *,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return how far each view's prediction is from the other view's target.

        mean_b || p1/|p1| - t2/|t2| ||^2 + mean_b || p2/|p2| - t1/|t1| ||^2

    `predictions` and `targets` are those of view 1 and view 2, (batch, dim) each; targets take
    no gradient. Paper: https://arxiv.org/abs/2006.07733 (section 3.1, Eq. 2). Official code:
    https://github.com/google-deepmind/deepmind-research/blob/f5de0ed/byol/byol_experiment.py
    lines 243-250.

    Conventions: `official` adds both directions (unrelated vectors give 4); `mean` halves that
    (stable-pretraining; solo-learn's function gives one direction): 2; `mse` averages over
    dimensions too, as mse_loss on unit vectors does: 2/D; `cosine` is the mean negative cosine
    (lightly): 0 for unrelated vectors, -1 at best. All have the same minimum, which constant
    outputs reach as well. Half precision is computed in float32.
    """
    first = _gap(predictions[0], targets[1])
    second = _gap(predictions[1], targets[0])
    total = first + second
    if convention == "official":
        return total
    if convention == "mse":
        return total / (2 * predictions[0].shape[1])
    return total / 4 - 1 if convention == "cosine" else total / 2


def _gap(predictions: Tensor, targets: Tensor) -> Tensor:
    if predictions.shape != targets.shape or predictions.ndim != 2:
        raise ValueError(
            "a prediction (batch, dim) must have the shape of the other view's target, "
            f"found {tuple(predictions.shape)} and {tuple(targets.shape)}"
        )
    # The difference, not 2 - 2 cos: near 0, which matters here, it keeps its digits.
    return squared_gap(predictions, targets.detach()).mean()


@dataclass(frozen=True)
class BYOLConfig:
    """Heads, target and convention.

    `ema_momentum` is the target's momentum at the start: 0 copies the online network at every
    step, 1 keeps the target as it was initialised. It rises to 1 along a cosine when
    `ema_schedule` is so. Without `predictor` the projection itself is compared.
    """

    dim: int = 256
    hidden_dim: int = 4096
    predictor_dim: int = 4096
    predictor: bool = True
    head_norm: bool = True
    ema_momentum: float = 0.996
    ema_schedule: Literal["cosine", "constant"] = "cosine"
    convention: Convention = "official"


PRESETS = {
    "paper": Preset(
        BYOLConfig(),
        Recipe("lars", base_lr=0.2, batch_size=4096, epochs=1000, weight_decay=1.5e-6),
        f"{_PAPER} sections 3.2 and 3.3",
    ),
    "official": Preset(
        BYOLConfig(ema_momentum=0.99),
        Recipe("lars", base_lr=0.3, batch_size=4096, epochs=300, weight_decay=1e-6),
        f"{_CODE}/configs/byol.py#L21-L65, the values for 300 epochs",
    ),
    "small": Preset(
        BYOLConfig(dim=64, hidden_dim=256, predictor_dim=256, ema_momentum=0.9),
        Recipe("adamw", base_lr=3e-3, lr_batch=0, batch_size=128, epochs=40, warmup_epochs=1.0),
        "ours: measured on MNIST digits by benchmarks/mnist_knn.py",
    ),
}


class BYOL(Method):
    """An online network with a predictor, and a target network that follows it."""

    name = "byol"

    def __init__(self, encoder: nn.Module, config: BYOLConfig) -> None:
        super().__init__(encoder, config)
        self.projector = mlp(
            [encoder.width, config.hidden_dim, config.dim], norm=config.head_norm, last_bias=False
        )
        self.predictor: nn.Module = nn.Identity()
        if config.predictor:
            self.predictor = mlp(
                [config.dim, config.predictor_dim, config.dim],
                norm=config.head_norm,
                last_bias=False,
            )
        self.target_encoder = frozen_copy(encoder)
        self.target_projector = frozen_copy(self.projector)

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first two views, each predicting the other."""
        views = batch.views[:2]
        features = tuple(self.encoder(view) for view in views)
        embeddings = tuple(self.projector(rows) for rows in features)
        predictions = tuple(self.predictor(rows) for rows in embeddings)
        with torch.no_grad():
            targets = tuple(self.target_projector(self.target_encoder(view)) for view in views)
        return StepOutput(
            loss=byol_loss(predictions, targets, convention=self.config.convention),
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )

    def after_update(self, progress: float) -> Mapping[str, float]:
        """Move the target towards the online network and return the momentum used."""
        momentum = self.config.ema_momentum
        if self.config.ema_schedule == "cosine":
            momentum = cosine_to_one(momentum, progress)
        move_average(self.target_encoder, self.encoder, momentum)
        move_average(self.target_projector, self.projector, momentum)
        return {"ema_m": momentum}


_AS_PUBLISHED = Arm("predictor and moving average")

CLAIMS = (
    Claim(
        "predictor-prevents-collapse",
        "Without its predictor BYOL collapses.",
        f"{_PAPER} Table 5b (0.2% without predictor)",
        (_AS_PUBLISHED, Arm("no predictor", {"predictor": False})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("distill/no-predictor", "collapse/complete"),
    ),
    Claim(
        "moving-average-prevents-collapse",
        "Without the moving average, when the target copies the online network at every step, "
        "BYOL collapses (SimSiam says that it need not).",
        f"{_PAPER} Table 5a (0.3% at momentum 0); against arXiv:2011.10566 section 4",
        (
            _AS_PUBLISHED,
            Arm("momentum 0", {"ema_momentum": 0.0, "ema_schedule": "constant"}),
        ),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("distill/ema-momentum-too-low", "distill/ema-target-no-benefit"),
    ),
    Claim(
        "fixed-random-target-is-worse",
        "Predicting a fixed random target teaches less than predicting a moving average.",
        f"{_PAPER} Table 5a (18.8% at momentum 1, 72.5% at 0.99)",
        (
            _AS_PUBLISHED,
            Arm("momentum 1", {"ema_momentum": 1.0, "ema_schedule": "constant"}),
        ),
        measure="knn_acc",
        expect="lower",
        margin=0.99,
        entries=("distill/ema-momentum-too-high", "distill/ema-target-no-benefit"),
    ),
    Claim(
        "batch-norm-in-heads-prevents-collapse",
        "Without BatchNorm in projector and predictor, and nothing in its place, BYOL collapses.",
        "popular; arXiv:2010.10241 (not with other normalisations or initialisations)",
        (_AS_PUBLISHED, Arm("no BatchNorm in the heads", {"head_norm": False})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("norm/missing-in-head", "norm/replacing-bn-breaks-method"),
    ),
)
