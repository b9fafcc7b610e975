"""Label-free metrics of embeddings, as pure functions of host tensors, under vocabulary names.

Formulas and blind spots: `ssl-doctor list --metrics` and docs/monitor.md. Ranks depend on the
number of rows and are to be compared at the same number only.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.functional import normalize

from reference_impl.shapes import Float, Tensor

RANKME_EPS = 1e-7
"""Added to each share of the singular values: Garrido et al., arXiv:2210.02885, Eq. 2."""

DEAD_BELOW = 0.1
"""A dimension whose deviation is below this share of the median one hardly varies."""

UNIFORM_ROWS = 512
"""Rows that enter the uniformity, whose cost is quadratic in them."""


def spread(rows: Float[Tensor, "batch dim"]) -> dict[str, float]:
    """Return z_std, raw_std, neg_sim, dead_dims and uniform of embeddings.

    z_std is the mean deviation of the L2-normalised rows: 0 at collapse, 1/sqrt(dim) when
    isotropic (SimSiam, arXiv:2011.10566, section 4.1). neg_sim is the mean cosine of different
    rows, uniform is ln mean exp(-2 d^2) over their pairs (arXiv:2005.10242).
    """
    count = rows.shape[0]
    if count < 2:
        return {}
    unit = normalize(rows, dim=1)
    raw = rows.std(dim=0)
    median = raw.median()
    few = unit[:UNIFORM_ROWS]
    squared = torch.pdist(few).square()
    cosine = (unit.sum(dim=0).square().sum() - unit.square().sum()) / (count * (count - 1))
    return {
        "z_std": float(unit.std(dim=0).mean()),
        "raw_std": float(raw.mean()),
        "neg_sim": float(cosine),
        "dead_dims": float((raw < DEAD_BELOW * median).float().mean()) if median > 0 else 1.0,
        "uniform": float((-2 * squared).exp().mean().log()),
    }


def agreement(
    first: Float[Tensor, "batch dim"], second: Float[Tensor, "batch dim"]
) -> dict[str, float]:
    """Return pos_sim, the mean cosine of the rows' pairs, and align, their mean squared distance
    on the unit sphere."""
    cosine = float((normalize(first, dim=1) * normalize(second, dim=1)).sum(dim=1).mean())
    return {"pos_sim": cosine, "align": 2.0 - 2.0 * cosine}


def rankme(rows: Float[Tensor, "batch dim"]) -> float:
    """Return the exponential of the entropy of the singular values' shares, uncentred.

    Garrido et al., arXiv:2210.02885, Eq. 1 and 2. At most min(batch, dim); 1 where all rows are
    0 and have no spectrum, as for any other single point.
    """
    roots = _eigenvalues(rows).sqrt()
    if roots.sum() == 0:
        return 1.0
    shares = roots / roots.sum() + RANKME_EPS
    return float((-(shares * shares.log()).sum()).exp())


def effective_rank(rows: Float[Tensor, "batch dim"]) -> float:
    """Return the exponential of the entropy of the covariance's eigenvalues, centred.

    Noise around one point has a large one: read it together with z_std. Rows that are all the
    same have no spectrum, and 1.
    """
    values = _eigenvalues(rows - rows.mean(dim=0))
    if values.sum() == 0:
        return 1.0
    shares = values / values.sum()
    return float((torch.special.entr(shares).sum()).exp())


def _eigenvalues(rows: Float[Tensor, "batch dim"]) -> Float[Tensor, " rank"]:
    """Return the eigenvalues of rows^T rows that can differ from 0, through the smaller Gram
    matrix; in float64, since a Gram matrix squares the condition number."""
    wide = rows.double()
    gram = wide @ wide.T if wide.shape[0] < wide.shape[1] else wide.T @ wide
    return torch.linalg.eigvalsh(gram).clamp_min(0)


def assignment(probabilities: Float[Tensor, "batch prototypes"]) -> dict[str, float]:
    """Return teacher_entropy, the mean entropy of a row in nats, and proto_perplexity, the
    exponential of the entropy of the mean row: how many prototypes are in use."""
    mean = probabilities.mean(dim=0)
    return {
        "teacher_entropy": float(torch.special.entr(probabilities).sum(dim=1).mean()),
        "proto_perplexity": float(torch.special.entr(mean).sum().exp()),
    }


def measured(
    features: Float[Tensor, "batch width"] | None,
    embeddings: tuple[Float[Tensor, "batch dim"], ...],
    probabilities: Float[Tensor, "batch prototypes"] | None = None,
) -> Mapping[str, float]:
    """Return every metric that the given tensors allow; `nan_count` where rows are not finite.

    Rank and spread of rows with NaN would be NaN and say less than how many values are. Views of
    different shapes are no pairs and have no agreement.
    """
    found: dict[str, float] = {}
    given = [one for one in (features, *embeddings) if one is not None]
    broken = sum(int((~one.isfinite()).sum()) for one in given)
    if broken:
        return {"nan_count": float(broken)}
    if features is not None and features.shape[0] > 1:
        found |= {"rankme_h": rankme(features), "erank_h": effective_rank(features)}
    if embeddings and embeddings[0].shape[0] > 1:
        first = embeddings[0]
        found |= spread(first)
        found |= {"rankme_z": rankme(first), "erank_z": effective_rank(first)}
    if len(embeddings) > 1 and embeddings[0].shape == embeddings[1].shape:
        found |= agreement(embeddings[0], embeddings[1])
    if probabilities is not None:
        found |= assignment(probabilities)
    return found
