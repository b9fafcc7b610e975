"""SwAV: codes from one view, predicted from the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array, cross_entropy


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
    temperature: float,
    epsilon: float,
    iterations: int,
    *,
    assigned: int = 2,
    codes: Sequence[Array] | None = None,
) -> float:
    """Return the mean over (code view, other view) of the cross-entropy of codes and scores.

    `scores` holds one (batch, prototypes) array of cosines per crop; codes come from the first
    `assigned` crops and take no gradient, so `codes` may be handed in. arXiv:2006.09882 Eq. 2;
    main_swav.py, train.
    """
    held = codes or [sinkhorn(scores[view], epsilon, iterations) for view in range(assigned)]
    total = 0.0
    for view in range(assigned):
        others = [crop for crop in range(len(scores)) if crop != view]
        subtotal = 0.0
        for other in others:
            for code, row in zip(held[view], scores[other], strict=True):
                subtotal += cross_entropy(code, row / temperature) / len(scores[other])
        total += subtotal / len(others)
    return total / assigned
