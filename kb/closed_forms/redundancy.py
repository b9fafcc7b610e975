"""Barlow Twins, VICReg and TiCo: losses over the covariance of a batch.

Variances and correlations are those of N samples, so small batches raise chance and floor.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kb.closed_forms.base import POWERS, ClosedForm, fixed
from kb.run import FloatArray

_BARLOW_LAMBDA = {"lambda_cov": 0.0051}
"""Weight of the off-diagonal terms (arXiv:2103.03230 section 3.1)."""

_VARIANCE = {"lambda_var": 25.0}
_COVARIANCE = {"lambda_cov": 1.0}
_ALL_WEIGHTS = {"lambda_inv": 25.0, **_VARIANCE, **_COVARIANCE}
"""VICReg's weights (arXiv:2105.04906 section 4.2)."""

_STD_EPS = 1e-4
"""Added to the variance under VICReg's square root (official main_vicreg.py)."""

_USUAL = {
    "batch_size": tuple(p for p in POWERS if 32 <= p <= 4096),
    "dim": tuple(p for p in POWERS if 128 <= p <= 8192),
}


def _barlow(variant: str, scale: float, rarity: int, source: str) -> tuple[ClosedForm, ...]:
    prefix = "" if scale == 1 else f"{scale:g} * "

    def chance(batch: FloatArray, dim: FloatArray, weight: FloatArray) -> FloatArray:
        return scale * (dim * (1 + 1 / batch) + weight * dim * (dim - 1) / batch)

    def floor(batch: FloatArray, dim: FloatArray, weight: FloatArray) -> FloatArray:
        # Rank N - 1 cannot hold D uncorrelated dimensions: sum of squares >= D^2/(N - 1).
        return scale * weight * np.maximum(dim**2 / (batch - 1) - dim, 0.0)

    base = ClosedForm(
        loss="barlow",
        variant=variant,
        quantity="chance",
        parameters=("batch_size", "dim"),
        formula=f"{prefix}[D(1 + 1/N) + lambda D(D - 1)/N]",
        reading="The two views are uncorrelated.",
        source=source,
        compute=chance,
        methods=("barlow", "barlowtwins"),
        rarity=rarity,
        defaults=_BARLOW_LAMBDA,
        usual=_USUAL,
    )
    return (
        base,
        replace(
            base,
            quantity="collapse",
            parameters=("dim",),
            formula=f"{prefix}D",
            reading="Outputs are constant: every correlation is 0 instead of 1 on the diagonal.",
            compute=lambda dim: scale * dim,
            defaults={},
        ),
        replace(
            base,
            variant=f"{variant}_rank_one" if variant else "rank_one",
            quantity="collapse",
            parameters=("dim",),
            formula=f"{prefix}lambda D(D - 1)",
            reading="All dimensions carry one signal: every correlation is +1 or -1.",
            compute=lambda dim, weight: scale * weight * dim * (dim - 1),
            rarity=rarity + 1,
        ),
        replace(
            base,
            quantity="floor",
            formula=f"{prefix}lambda max(0, D^2/(N - 1) - D)",
            reading="Fewer samples than dimensions: correlations cannot all vanish.",
            compute=floor,
            rarity=rarity + 1,
        ),
    )


def _hinge_of_normal(batch: FloatArray) -> FloatArray:
    # Mean of max(0, 1 - s) for the sample standard deviation s of unit-normal values.
    return 1 / np.sqrt(4 * np.pi * (batch - 1)) + 1 / (8 * (batch - 1))


def _vicreg(
    variant: str, variance_views: float, covariance_views: float, rarity: int, source: str
) -> tuple[ClosedForm, ...]:
    def chance(
        batch: FloatArray,
        dim: FloatArray,
        invariance: FloatArray,
        variance: FloatArray,
        covariance: FloatArray,
    ) -> FloatArray:
        hinge = variance_views * variance * _hinge_of_normal(batch)
        return 2 * invariance + hinge + covariance_views * covariance * (dim - 1) / (batch - 1)

    def collapse(variance: FloatArray) -> FloatArray:
        return np.asarray(variance_views * variance * (1 - np.sqrt(_STD_EPS)))

    views = "" if variance_views == 1 else f"{variance_views:g} "
    pairs = "" if covariance_views == 1 else f"{covariance_views:g} "
    base = ClosedForm(
        loss="vicreg",
        variant=variant,
        quantity="chance",
        parameters=("batch_size", "dim"),
        formula=f"2 lambda + {views}mu E[1 - s]+ + {pairs}nu (D - 1)/(N - 1)",
        reading="Unrelated views with unit variance in every dimension.",
        source=source,
        compute=chance,
        methods=("vicreg", "vicregl", "vibcreg"),
        rarity=rarity + 1,
        defaults=_ALL_WEIGHTS,
        usual=_USUAL,
    )
    return (
        base,
        replace(
            base,
            quantity="collapse",
            parameters=(),
            formula=f"{views}mu (1 - sqrt(1e-4))",
            reading="No variance at all: the hinge is the whole loss.",
            compute=collapse,
            rarity=rarity,
            defaults=_VARIANCE,
        ),
        replace(
            base,
            quantity="floor",
            formula=f"{pairs}nu max(0, D/(N - 1) - 1)",
            reading="Fewer samples than dimensions: covariances cannot all vanish.",
            compute=lambda batch, dim, weight: (
                covariance_views * weight * np.maximum(dim / (batch - 1) - 1, 0.0)
            ),
            defaults=_COVARIANCE,
        ),
    )


_OFFICIAL = _vicreg("", 1, 2, 0, "arXiv:2105.04906; gh:facebookresearch/vicreg main_vicreg.py")

FORMS: tuple[ClosedForm, ...] = (
    *_barlow("", 1.0, 0, "arXiv:2103.03230 Eq. 1; gh:facebookresearch/barlowtwins main.py"),
    *_barlow("scaled024", 0.024, 1, "gh:facebookresearch/barlowtwins, --scale-loss 0.024"),
    *_barlow("scaled025", 0.025, 1, "solo-learn barlow_loss_func, scale_loss 0.025"),
    *_OFFICIAL,
    *_vicreg("sum2", 2, 2, 1, "arXiv:2105.04906 Eq. 6; solo-learn vicreg_loss_func"),
    *_vicreg("half_cov", 1, 1, 2, "arXiv:2105.04906 with the covariance averaged over views"),
    replace(
        _OFFICIAL[0],
        variant="rank_one",
        quantity="collapse",
        parameters=("dim",),
        formula="2 nu (D - 1)",
        reading="All dimensions carry one signal of unit variance.",
        compute=lambda dim, weight: 2 * weight * (dim - 1),
        defaults=_COVARIANCE,
        rarity=2,
    ),
    replace(
        _OFFICIAL[0],
        variant="l2_normalised",
        quantity="floor",
        parameters=("dim",),
        formula="mu (1 - sqrt(1/D + 1e-4))",
        reading="Unit vectors cannot reach a standard deviation of 1: the hinge never closes.",
        compute=lambda dim, weight: weight * (1 - np.sqrt(1 / dim + _STD_EPS)),
        defaults=_VARIANCE,
        rarity=1,
    ),
    ClosedForm(
        loss="tico",
        quantity="collapse",
        parameters=(),
        formula="rho (1 - beta)",
        reading="Identical outputs on the first step; it climbs to rho = 8 as the average fills.",
        source="arXiv:2206.10698; lightly 1.6.0 loss/tico_loss.py (rho 8, beta 0.9)",
        compute=fixed(8.0 * (1 - 0.9)),
        methods=("tico",),
        rarity=2,
    ),
)
