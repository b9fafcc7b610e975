"""SwAV: codes from one view, predicted from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array, cross_entropy

Pairs = Literal["mean", "sum", "mutual"]
"""Which pairs of views count, and how they are joined."""


def sinkhorn(scores: Array, epsilon: float, iterations: int) -> Array:
    """Return codes (batch, prototypes), each row a distribution, prototypes used evenly.

    arXiv:2006.09882: exp(scores/epsilon) is rescaled so that every prototype gets
    1/K of the mass, then every sample 1/B, `iterations` times
    (gh:facebookresearch/swav@06b1b7cbaf6ba2a792300d79c7299db98b93b7f9:main_swav.py,
    distributed_sinkhorn).
    """
    count, prototypes = scores.shape
    mass = np.exp((scores - scores.max()) / epsilon)
    mass /= mass.sum()
    for _ in range(iterations):
        for k in range(prototypes):
            mass[:, k] /= mass[:, k].sum() * prototypes
        for n in range(count):
            mass[n] /= mass[n].sum() * count
    return np.asarray(mass * count)


def swav(
    scores: Sequence[Array],
    codes: Sequence[Array],
    temperature: float,
    *,
    pairs: Pairs = "mean",
) -> float:
    """Return the cross-entropies of each coded view's codes with the scores of other views.

    `scores` holds one (batch, prototypes) array of cosines per view, the coded ones first.
    `mean` averages over (coded view, other view), as main_swav.py's train does; `sum` adds them,
    which for two views is arXiv:2006.09882 Eq. 1 averaged over the batch; `mutual`, as in
    stable-pretraining, takes pairs of one of the first two views with a later view, both ways,
    and averages.
    """
    if pairs == "mutual":
        later = [(i, j) for i in range(2) for j in range(i + 1, len(scores))]
        terms = [pair for i, j in later for pair in ((i, j), (j, i))]
    else:
        terms = [(c, v) for c in range(len(codes)) for v in range(len(scores)) if v != c]
    total = 0.0
    for coded, view in terms:
        rows = zip(codes[coded], scores[view], strict=True)
        losses = [cross_entropy(code, row / temperature) for code, row in rows]
        total += sum(losses) / len(losses)
    return total if pairs == "sum" else total / len(terms)
