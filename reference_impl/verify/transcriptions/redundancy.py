"""Barlow Twins and VICReg: statistics over the batch, dimension by dimension."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array

EPS = 1e-5
"""torch's BatchNorm1d, which the official Barlow Twins code uses to standardise."""

Divisor = Literal["batch_norm", "biased", "unbiased", "unbiased_plus_eps"]


def barlow(
    first: Array, second: Array, off_diagonal_weight: float, divisor: Divisor = "batch_norm"
) -> float:
    """Return sum of (1 - C_ii)^2 plus weight times the sum of C_ij^2, i != j; (batch, dim) each.

    C is the cross-correlation over the batch (arXiv:2103.03230 Eq. 1): the mean of products of
    columns that are centred and divided by `divisor`. `batch_norm` is sqrt(biased variance +
    1e-5), as in gh:facebookresearch/barlowtwins@8e8d284ca0bc02f88b92328e53f9b901e86b4a3c:main.py;
    `biased` and `unbiased` are the deviations over N and N - 1 alone; `unbiased_plus_eps` adds
    1e-5 to the latter.
    """
    a, b = _standardised(first, divisor), _standardised(second, divisor)
    count, dim = first.shape
    total = 0.0
    for i in range(dim):
        for j in range(dim):
            correlation = sum(a[n, i] * b[n, j] for n in range(count)) / count
            total += (1 - correlation) ** 2 if i == j else off_diagonal_weight * correlation**2
    return float(total)


def _standardised(rows: Array, divisor: Divisor) -> Array:
    centred = rows - rows.mean(axis=0)
    squares = (centred * centred).sum(axis=0)
    count = len(rows)
    divisors = {
        "batch_norm": np.sqrt(squares / count + EPS),
        "biased": np.sqrt(squares / count),
        "unbiased": np.sqrt(squares / (count - 1)),
        "unbiased_plus_eps": np.sqrt(squares / (count - 1)) + EPS,
    }
    return np.asarray(centred / divisors[divisor])


def invariance(first: Array, second: Array) -> float:
    """Return the squared difference averaged over batch and dimensions, (batch, dim) each."""
    return float(((first - second) ** 2).mean())


def variance_hinge(rows: Array, gamma: float, eps: float) -> float:
    """Return the mean over dimensions of max(0, gamma - sqrt(var + eps)), var over N - 1.

    arXiv:2105.04906 Algorithm 1.
    """
    count, dim = rows.shape
    total = 0.0
    for j in range(dim):
        centred = rows[:, j] - rows[:, j].mean()
        total += max(0.0, gamma - sqrt(float(centred @ centred) / (count - 1) + eps))
    return float(total / dim)


def covariance_energy(rows: Array) -> float:
    """Return 1/D times the sum of the squared off-diagonal covariances, over N - 1.

    arXiv:2105.04906 Algorithm 1.
    """
    count, dim = rows.shape
    centred = rows - rows.mean(axis=0)
    total = 0.0
    for i in range(dim):
        for j in range(dim):
            if i != j:
                total += (float(centred[:, i] @ centred[:, j]) / (count - 1)) ** 2
    return float(total / dim)


def vicreg(
    first: Array,
    second: Array,
    *,
    weights: tuple[float, float, float] = (25.0, 25.0, 1.0),
    gamma: float = 1.0,
    eps: float = 1e-4,
    variance_views: float = 2.0,
    covariance_views: float = 2.0,
    invariance_dims: float = 1.0,
    covariance_pairs: float = 1.0,
) -> float:
    """Return lambda inv + mu var + nu cov, (batch, dim) each.

    As it stands it is arXiv:2105.04906 Algorithm 1, which adds hinges and energies of both views.
    `variance_views` 1 averages the hinges, as
    gh:facebookresearch/vicreg@4e12602fd495af83efd1631fbe82523e6db092e0:main_vicreg.py#L198-L219
    does; `covariance_views` 1 averages the energies. `invariance_dims` D makes inv a sum over
    dimensions, as section 4.1 reads; `covariance_pairs` D - 1 makes c the mean over pairs, as
    gh:facebookresearch/eb_jepa has it.
    """
    inv, var, cov = weights
    distance = invariance_dims * invariance(first, second)
    hinges = variance_hinge(first, gamma, eps) + variance_hinge(second, gamma, eps)
    energies = (covariance_energy(first) + covariance_energy(second)) / covariance_pairs
    return (
        inv * distance + var * variance_views / 2 * hinges + cov * covariance_views / 2 * energies
    )
