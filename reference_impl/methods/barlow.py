"""Barlow Twins (Zbontar et al. 2021): the views' cross-correlation matrix becomes the identity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import nn

from reference_impl.distributed import gather, world
from reference_impl.heads import mlp
from reference_impl.losses.gram import cross_off_diagonal_energy
from reference_impl.losses.precision import at_least_float32, full_precision
from reference_impl.method import Arm, Batch, Claim, Method, Preset, Recipe, StepOutput
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "paper", "algorithm", "stable_pretraining"]
"""How embeddings are standardised; `barlow_terms` says what differs."""

_PAPER = "arXiv:2103.03230"
_CODE = "gh:facebookresearch/barlowtwins@8e8d284ca0bc02f88b92328e53f9b901e86b4a3c:main.py"


class BarlowTerms(NamedTuple):
    """Sums over the diagonal and over the rest of the matrix, before lambda, scalars."""

    inv: Float[Tensor, ""]
    cov: Float[Tensor, ""]


def barlow_terms(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    *,
    eps: float = 1e-5,
    convention: Convention = "official",
) -> BarlowTerms:
    """Return both parts of the distance between the correlation matrix C and the identity.

        inv = sum_i (1 - C_ii)^2        cov = sum_{i != j} C_ij^2
        C_ij = sum_b a_bi b_bj / N       a, b standardised over the batch

    Paper: https://arxiv.org/abs/2103.03230 (Eq. 1 and 2, Algorithm 1). Official code:
    https://github.com/facebookresearch/barlowtwins/blob/8e8d284/main.py#L207-L221.

    Conventions: `official` divides by sqrt(biased variance + eps), as BatchNorm does (also
    lightly and solo-learn); `paper` (Eq. 2) by the root of the sum of squares, so that C_ii
    reaches 1 exactly; `algorithm` (Algorithm 1) by the unbiased deviation, so that C_ii
    reaches (N - 1)/N; `stable_pretraining` adds eps to that deviation. `paper` and `algorithm`
    have no eps, so the rounding noise of a constant output counts as a signal there. Statistics
    are those of all processes together. N must be at least 2 (ValueError). Half precision is
    computed in float32. Where N is below 3 D / 4 the D x D matrix is never built.
    """
    _check(first, second)
    first, second = gather(at_least_float32(first)), gather(at_least_float32(second))
    with full_precision(first):
        first = _standardised(first, eps, convention)
        second = _standardised(second, eps, convention)
        count = first.shape[0]
        inv = (1 - (first * second).sum(0) / count).square().sum()
        return BarlowTerms(inv, cross_off_diagonal_energy(first, second) / count**2)


def barlow_loss(
    first: Float[Tensor, "batch dim"],
    second: Float[Tensor, "batch dim"],
    *,
    lambda_cov: float = 0.0051,
    scale: float = 1.0,
    eps: float = 1e-5,
    convention: Convention = "official",
) -> Float[Tensor, ""]:
    """Return scale * (inv + lambda * cov); terms and conventions as `barlow_terms` has them.

    `scale` is 1 in the paper and the released code, 0.024 in VISSL and solo-learn's trainer,
    0.025 in solo-learn's function. Constant outputs give `scale` * D.
    """
    terms = barlow_terms(first, second, eps=eps, convention=convention)
    return scale * (terms.inv + lambda_cov * terms.cov)


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 2 or first.shape[0] * world() < 2:
        raise ValueError(
            "Barlow Twins takes two (batch, dim) views of one shape with at least two rows in all, "
            f"found {tuple(first.shape)} and {tuple(second.shape)}"
        )


def _standardised(rows: Tensor, eps: float, convention: Convention) -> Tensor:
    """Return rows with mean 0 and, by the convention's divisor, deviation 1."""
    count = rows.shape[0]
    centred = rows - rows.mean(0)
    # A floor that only a dead dimension meets: its root has no finite gradient at 0.
    squares = centred.square().sum(0).clamp_min(torch.finfo(rows.dtype).tiny)
    if convention == "official":
        return centred * (squares / count + eps).rsqrt()
    if convention == "paper":
        return centred * (count**0.5 / squares.sqrt())
    deviation = (squares / (count - 1)).sqrt()
    return centred / (deviation + eps if convention == "stable_pretraining" else deviation)


@dataclass(frozen=True)
class BarlowConfig:
    """Head and weights. `hidden_layers` counts the layers before the last, plain Linear one."""

    dim: int = 8192
    hidden_dim: int = 8192
    hidden_layers: int = 2
    lambda_cov: float = 0.0051
    lambda_inv: float = 1.0
    scale: float = 1.0
    eps: float = 1e-5
    convention: Convention = "official"


_IMAGENET = Recipe(
    "lars",
    base_lr=0.2,
    batch_size=2048,
    epochs=1000,
    weight_decay=1.5e-6,
    final_lr=0.001,
    excluded_lr_share=0.0048 / 0.2,
)
"""Norms and biases learn at 0.0048 times the batch over 256 (section 2.2; main.py#L33-L36)."""

PRESETS = {
    "paper": Preset(
        BarlowConfig(lambda_cov=5e-3, convention="algorithm"),
        _IMAGENET,
        f"{_PAPER} section 2.2 and Algorithm 1",
    ),
    "official": Preset(
        BarlowConfig(),
        replace(_IMAGENET, weight_decay=1e-6),
        f"{_CODE}#L29-L42",
    ),
    "small": Preset(
        BarlowConfig(dim=256, hidden_dim=256, hidden_layers=1, lambda_cov=0.02, scale=0.025),
        Recipe("adamw", base_lr=1.5e-3, lr_batch=0, batch_size=128, epochs=24, warmup_epochs=1.0),
        "ours: digits on a CPU",
    ),
}


class BarlowTwins(Method):
    """An encoder and a projector whose outputs agree across views, dimension by dimension."""

    name = "barlow"

    def __init__(self, encoder: nn.Module, config: BarlowConfig) -> None:
        super().__init__(encoder, config)
        widths = [encoder.width, *[config.hidden_dim] * config.hidden_layers, config.dim]
        self.projector = mlp(widths, last_bias=False)

    def step(self, batch: Batch) -> StepOutput:
        """Return the loss of the first two views."""
        config = self.config
        features = tuple(self.encoder(view) for view in batch.views[:2])
        embeddings = tuple(self.projector(rows) for rows in features)
        terms = barlow_terms(*embeddings, eps=config.eps, convention=config.convention)
        return StepOutput(
            loss=config.scale * (config.lambda_inv * terms.inv + config.lambda_cov * terms.cov),
            terms={f"term/{name}": value.detach() for name, value in terms._asdict().items()},
            features=tuple(rows.detach() for rows in features),
            embeddings=tuple(rows.detach() for rows in embeddings),
        )


_AS_USUAL = Arm("lambda as in the preset")

CLAIMS = (
    Claim(
        "off-diagonal-alone-learns-nothing",
        "With the redundancy term alone Barlow Twins learns nothing of the image.",
        f"{_PAPER} Table 5 (0.1% for the off-diagonal alone)",
        (_AS_USUAL, Arm("no invariance term", {"lambda_inv": 0.0})),
        measure="knn_acc",
        expect="lower",
        margin=0.95,
        entries=("redundancy/missing-invariance-term",),
    ),
    Claim(
        "redundancy-term-keeps-rank",
        "Without the redundancy term the dimensions of Barlow Twins become copies of each other.",
        f"{_PAPER} Table 5 (57.3% for the diagonal alone)",
        (_AS_USUAL, Arm("no redundancy term", {"lambda_cov": 0.0})),
        measure="erank_z",
        expect="lower",
        margin=0.7,
        entries=("collapse/redundant-dimensions", "collapse/dimensional"),
    ),
    Claim(
        "lambda-tolerates-a-factor-of-four",
        "Four times the usual lambda hardly changes what Barlow Twins learns.",
        f"{_PAPER} section 4: not very sensitive to lambda",
        (_AS_USUAL, Arm("four times lambda", {"lambda_cov": 0.08})),
        measure="knn_acc",
        expect="same",
        margin=0.03,
        entries=("redundancy/barlow-lambda-scale",),
    ),
    Claim(
        "without-redundancy-term-collapses",
        "Without the redundancy term Barlow Twins collapses to one point (a popular claim; a "
        "constant output has the worst invariance term, since it is standardised).",
        f"popular; against {_PAPER} Table 5",
        (_AS_USUAL, Arm("no redundancy term", {"lambda_cov": 0.0})),
        measure="z_std",
        expect="lower",
        margin=0.5,
        entries=("collapse/complete",),
    ),
)
