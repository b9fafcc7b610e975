"""Regularisers that push a batch apart: KoLeo and SIGReg."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kb.closed_forms.base import ClosedForm
from kb.run import FloatArray

_KOLEO_EPS = 1e-8
"""Added to every coordinate difference and to the distance (dinov2 koleo_loss.py)."""

_SIGREG_REACH = 3.0
_SIGREG_KNOTS = 17
"""The integral runs over t in [-3, 3] by the trapezoid rule, 17 knots on the right half."""


def _koleo_spread(batch: FloatArray, dim: FloatArray) -> FloatArray:
    # Nearest of N - 1 random directions: the expected maximum of that many normal cosines.
    top = np.sqrt(2 * np.log(batch - 1))
    log_log = np.log(np.log(batch - 1)) + np.log(4 * np.pi) - 2 * np.euler_gamma
    cosine = (top - log_log / (2 * top)) / np.sqrt(dim)
    return np.asarray(-0.5 * np.log(2 - 2 * cosine))


def _integrate(power: float) -> float:
    """Return the trapezoid sum of exp(-power t^2) over the official grid."""
    t = np.linspace(0.0, _SIGREG_REACH, _SIGREG_KNOTS)
    heights = np.exp(-power * t**2)
    # Twice the right half. np.trapezoid would need numpy 2.
    return float((heights[1:] + heights[:-1]).sum() * (t[1] - t[0]))


_HALF, _ONE, _THREE_HALVES = (_integrate(power) for power in (0.5, 1.0, 1.5))

_SIGREG = ClosedForm(
    loss="sigreg",
    quantity="floor",
    parameters=(),
    formula="integral of (1 - exp(-t^2)) exp(-t^2/2) over [-3, 3] = 1.05",
    reading="Isotropic unit-normal embeddings: what sampling noise alone leaves, at any N.",
    source="arXiv:2511.08544; lightly loss/lejepa_loss.py (17 knots up to 3)",
    compute=lambda: np.full((), _HALF - _THREE_HALVES),
    methods=("lejepa", "sigreg", "lewm"),
    rarity=1,
)

_KOLEO = ClosedForm(
    loss="koleo",
    quantity="start",
    parameters=("batch_size", "dim"),
    formula="-1/2 ln(2 - 2 m/sqrt(D)), m = expected maximum of N - 1 normals",
    reading="Random directions: the nearest neighbour is almost at a right angle.",
    source="arXiv:1806.03198; gh:facebookresearch/dinov2 dinov2/loss/koleo_loss.py",
    compute=_koleo_spread,
    methods=("koleo", "dinov2", "dinov3"),
    rarity=2,
)

FORMS: tuple[ClosedForm, ...] = (
    _KOLEO,
    replace(
        _KOLEO,
        quantity="collapse",
        parameters=("dim",),
        formula="-ln(1e-8 (1 + sqrt(D)))",
        reading="Nearest neighbours coincide; only the epsilon keeps the logarithm finite.",
        compute=lambda dim: -np.log(_KOLEO_EPS * (1 + np.sqrt(dim))),
    ),
    _SIGREG,
    replace(
        _SIGREG,
        quantity="collapse",
        parameters=("batch_size",),
        formula="N * integral of (1 - exp(-t^2/2))^2 exp(-t^2/2) over [-3, 3] = 0.402 N",
        reading="All embeddings sit at the origin; the statistic grows with N.",
        compute=lambda batch: batch * (_HALF - 2 * _ONE + _THREE_HALVES),
        rarity=2,
    ),
)
