"""SIGReg and LeJEPA: embeddings as an isotropic normal cloud."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array


def epps_pulley(samples: Array, reach: float, knots: int) -> float:
    """Return N times the weighted gap of characteristic functions; `samples` (batch,).

    The integral over t in [-reach, reach] of |mean of exp(i t x) - exp(-t^2/2)|^2 exp(-t^2/2) by
    the trapezoid rule with `knots` points on [0, reach], doubled since the integrand is even.
    arXiv:2511.08544 (Epps-Pulley);
    gh:rbalestr-lab/lejepa@eddffdd857a19726342ef6526e01021fb3c32cae:lejepa/univariate/epps_pulley.py.
    """
    points = [reach * k / (knots - 1) for k in range(knots)]
    heights = []
    for t in points:
        normal = exp(-t * t / 2)
        empirical = complex(np.exp(1j * t * samples).mean())
        heights.append(abs(empirical - normal) ** 2 * normal)
    step = points[1] - points[0]
    half = sum(step * (a + b) / 2 for a, b in pairwise(heights))
    return len(samples) * 2 * half


def sigreg(rows: Array, directions: Array, reach: float = 3.0, knots: int = 17) -> float:
    """Return the mean statistic of `rows` (batch, dim) over unit `directions` (dim, slices)."""
    statistics = [epps_pulley(rows @ direction, reach, knots) for direction in directions.T]
    return float(np.mean(statistics))


def lejepa(
    views: Sequence[Array],
    directions: Array,
    weight: float,
    *,
    global_views: int | None = None,
    pooled: bool = False,
    added: bool = False,
) -> float:
    """Return weight * mean SIGReg over views + (1 - weight) * prediction.

    Prediction is the squared distance of every view, (batch, dim), to the mean of the first
    `global_views` (all when None), averaged over views, batch and dimensions as in
    gh:rbalestr-lab/lejepa@eddffdd857a19726342ef6526e01021fb3c32cae:MINIMAL.md#L172-L174.
    `pooled` tests the rows of all views as one sample, `added` leaves the prediction's weight at
    1, as stable-pretraining does.
    """
    center = np.mean(list(views[: global_views or len(views)]), axis=0)
    distances = [float(((view - center) ** 2).mean()) for view in views]
    samples = [np.concatenate(list(views))] if pooled else list(views)
    statistics = [sigreg(rows, directions) for rows in samples]
    share = 1.0 if added else 1.0 - weight
    return weight * float(np.mean(statistics)) + share * float(np.mean(distances))


def lejepa_as_written(
    views: Sequence[Array], directions: Array, weight: float, *, global_views: int
) -> float:
    """Return weight/V * sum of SIGReg over views + (1 - weight)/B * sum of the prediction loss.

    arXiv:2511.08544 section 5.1: an image's prediction loss is the squared Euclidean distance of
    each of its V views, (batch, dim), to each of the first `global_views`, averaged over both.
    """
    total = 0.0
    for image in range(len(views[0])):
        distances = [
            float(((aim[image] - view[image]) ** 2).sum())
            for aim in views[:global_views]
            for view in views
        ]
        total += sum(distances) / (global_views * len(views))
    spread = sum(sigreg(view, directions) for view in views) / len(views)
    return weight * spread + (1 - weight) * total / len(views[0])
