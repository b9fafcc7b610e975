"""VICReg (Bardes, Ponce, LeCun 2022): invariance, a variance hinge, and decorrelation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from reference_impl.distributed import gather, world
from reference_impl.heads import mlp
from reference_impl.losses.gram import off_diagonal_energy
from reference_impl.losses.precision import at_least_float32, full_precision
from reference_impl.method import MORE_SEEDS, Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "paper", "paper_text", "halved", "eb_jepa"]
"""How views and dimensions are added up; `vicreg_terms` says what differs."""

_PAPER = "arXiv:2105.04906"
_CODE = "gh:facebookresearch/vicreg@4e12602fd495af83efd1631fbe82523e6db092e0:main_vicreg.py"


class VICRegTerms(NamedTuple):
    """The three terms before their weights, scalars."""

    inv: Float[Tensor, ""]
    var: Float[Tensor, ""]
    cov: Float[Tensor, ""]


def vicreg_terms(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    *,
    gamma: float = 1.0,
    eps: float = 1e-4,
    convention: Convention = "official",
) -> VICRegTerms:
    """Return invariance, variance and covariance of two views' projector outputs.

        inv = mean (a - b)^2                              over batch and dimensions
        v(z) = mean_j max(0, gamma - sqrt(Var z_j + eps))    Var over N - 1
        c(z) = 1/D sum_{i != j} Cov(z)_ij^2                  Cov over N - 1

    Paper: https://arxiv.org/abs/2105.04906 (section 4.1, Algorithm 1). Official code:
    https://github.com/facebookresearch/vicreg/blob/4e12602/main_vicreg.py#L198-L219.

    Conventions: `official` averages v over the views and adds c (also lightly and
    stable-pretraining); `paper` adds both, as Algorithm 1 and solo-learn; `paper_text` is `paper`
    with inv summed over dimensions, as Eq. 5 reads; `halved` averages both; `eb_jepa` adds both
    and divides c by D - 1 once more. Statistics are those of all processes together; inv is this
    process's mean. N must be at least 2 (ValueError). Half precision is computed in float32.
    """
    _check(first, second)
    first, second = at_least_float32(first), at_least_float32(second)
    with full_precision(first):
        inv = functional.mse_loss(first, second)
        hinges, energies = [], []
        for view in (first, second):
            hinge, energy = _spread(gather(view), gamma, eps)
            hinges.append(hinge)
            energies.append(energy)
    var, cov = torch.stack(hinges).sum(), torch.stack(energies).sum()
    dim = first.shape[1]
    if convention in ("official", "halved"):
        var = var / 2
    if convention == "halved":
        cov = cov / 2
    if convention == "paper_text":
        inv = inv * dim
    if convention == "eb_jepa":
        cov = cov / max(dim - 1, 1)
    return VICRegTerms(inv, var, cov)


def vicreg_loss(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    *,
    lambda_inv: float = 25.0,
    lambda_var: float = 25.0,
    lambda_cov: float = 1.0,
    gamma: float = 1.0,
    eps: float = 1e-4,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return lambda inv + mu var + nu cov; terms and conventions as `vicreg_terms` has them.

    Constant outputs give 25 (1 - sqrt(1e-4)) = 24.75, in the `paper` convention 49.50, with a
    gradient of exactly zero.
    """
    terms = vicreg_terms(first, second, gamma=gamma, eps=eps, convention=convention)
    return lambda_inv * terms.inv + lambda_var * terms.var + lambda_cov * terms.cov


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 2 or first.shape[0] * world() < 2:
        raise ValueError(
            "VICReg takes two (batch, dim) views of one shape with at least two rows in all, "
            f"found {tuple(first.shape)} and {tuple(second.shape)}"
        )


def _spread(rows: Tensor, gamma: float, eps: float) -> tuple[Tensor, Tensor]:
    """Return the hinge and the off-diagonal energy over D of one view of the whole batch."""
    batch, dim = rows.shape
    centred = rows - rows.mean(0)
    variance = centred.square().sum(0) / (batch - 1)
    hinge = functional.relu(gamma - (variance + eps).sqrt()).mean()
    return hinge, off_diagonal_energy(centred) / ((batch - 1) ** 2 * dim)


@dataclass(frozen=True)
class VICRegConfig:
    """Head and weights. `hidden_layers` counts the layers before the last, plain Linear one."""

    dim: int = 8192
    hidden_dim: int = 8192
    hidden_layers: int = 2
    head_norm: bool = True
    lambda_inv: float = 25.0
    lambda_var: float = 25.0
    lambda_cov: float = 1.0
    gamma: float = 1.0
    eps: float = 1e-4
    convention: Convention = "official"


_IMAGENET = Recipe(
    "lars", base_lr=0.2, batch_size=2048, epochs=1000, weight_decay=1e-6, final_lr=0.00125
)

PRESETS = {
    "paper": Preset(
        VICRegConfig(convention="paper"), _IMAGENET, f"{_PAPER} section 4.2 and Algorithm 1"
    ),
    "official": Preset(
        VICRegConfig(), replace(_IMAGENET, epochs=100, final_lr=0.001), f"{_CODE}#L44-L63"
    ),
    "small": Preset(
        VICRegConfig(dim=256, hidden_dim=256, hidden_layers=1),
        Recipe("adamw", base_lr=1.5e-3, lr_batch=0, batch_size=128, epochs=24, warmup_epochs=1.0),
        "ours: digits on a CPU",
    ),
}


class VICReg(Method):
    """An encoder and an expander whose outputs are decorrelated per view."""

    name = "vicreg"

    def __init__(self, encoder: nn.Module, config: VICRegConfig) -> None:
        super().__init__(encoder, config)
        widths = [encoder.width, *[config.hidden_dim] * config.hidden_layers, config.dim]
        self.projector = mlp(widths, norm=config.head_norm, last_bias=False)

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first two views."""
        config = self.config
        features = tuple(self.encoder(view) for view in batch.views[:2])
        embeddings = tuple(self.projector(rows) for rows in features)
        terms = vicreg_terms(
            *embeddings, gamma=config.gamma, eps=config.eps, convention=config.convention
        )
        loss = (
            config.lambda_inv * terms.inv
            + config.lambda_var * terms.var
            + config.lambda_cov * terms.cov
        )
        return StepOutput(
            loss=loss,
            terms={f"term/{name}": value.detach() for name, value in terms._asdict().items()},
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )


_AS_PUBLISHED = Arm("25, 25, 1")

CLAIMS = (
    Claim(
        "variance-term-prevents-collapse",
        "Without the variance term the embeddings of VICReg collapse to one point.",
        f"{_PAPER} Table 7, row (25, 0, 1)",
        (_AS_PUBLISHED, Arm("no variance term", {"lambda_var": 0.0})),
        measure="raw_std",
        expect="lower",
        margin=0.5,
        entries=("collapse/complete", "redundancy/variance-weight-too-low"),
    ),
    Claim(
        "covariance-term-keeps-rank",
        "With variance but without the covariance term the dimensions of VICReg become copies "
        "and the rank of the embeddings falls.",
        f"{_PAPER} section 4.1 and Table 7, row (1, 1, 0)",
        (_AS_PUBLISHED, Arm("no covariance term", {"lambda_cov": 0.0})),
        measure="erank_z",
        expect="lower",
        margin=0.7,
        entries=("collapse/dimensional", "collapse/redundant-dimensions"),
    ),
    Claim(
        "no-covariance-term-collapses",
        "Without the covariance term VICReg collapses completely (a popular claim; the paper has "
        "57.5% for it).",
        f"popular; against {_PAPER} Table 7, row (1, 1, 0)",
        (_AS_PUBLISHED, Arm("no covariance term", {"lambda_cov": 0.0})),
        measure="raw_std",
        expect="lower",
        margin=0.5,
        entries=("collapse/complete",),
    ),
    Claim(
        "invariance-term-carries-the-image",
        "Without the invariance term VICReg learns next to nothing: kNN falls towards that of the "
        "untrained encoder.",
        f"{_PAPER} Table 7, row (0, 25, 1)",
        (_AS_PUBLISHED, Arm("no invariance term", {"lambda_inv": 0.0})),
        measure="knn_acc",
        expect="lower",
        margin=0.95,
        entries=("redundancy/missing-invariance-term",),
    ),
    Claim(
        "equal-small-weights-collapse",
        "With all three weights at 1 VICReg collapses.",
        f"{_PAPER} Table 7, row (1, 1, 1)",
        (
            _AS_PUBLISHED,
            Arm("1, 1, 1", {"lambda_inv": 1.0, "lambda_var": 1.0, "lambda_cov": 1.0}),
        ),
        measure="raw_std",
        expect="lower",
        margin=0.5,
        seeds=MORE_SEEDS,
        entries=("redundancy/variance-weight-too-low",),
    ),
    Claim(
        "batch-norm-in-the-expander-is-no-need",
        "Without BatchNorm in the expander VICReg learns almost as well.",
        f"{_PAPER} Table 8 (68.6 with, 67.4 without)",
        (_AS_PUBLISHED, Arm("no BatchNorm in the head", {"head_norm": False})),
        measure="knn_acc",
        expect="same",
        margin=0.05,
        entries=("norm/missing-in-head",),
    ),
)
