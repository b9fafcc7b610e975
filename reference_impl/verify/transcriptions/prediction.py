"""BYOL and SimSiam: predict the other view's projection."""

from __future__ import annotations

from reference_impl.verify.transcriptions.numbers import Array, unit


def byol_direction(predictions: Array, targets: Array) -> float:
    """Return the mean squared distance of unit vectors, (batch, dim) each.

    arXiv:2006.07733 Eq. 2: ||p/||p|| - z/||z|| ||^2 = 2 - 2 cosine, summed over dimensions.
    """
    total = 0.0
    for prediction, target in zip(predictions, targets, strict=True):
        gap = unit(prediction) - unit(target)
        total += float(gap @ gap)
    return total / len(predictions)


def byol(predictions: tuple[Array, Array], targets: tuple[Array, Array]) -> float:
    """Return the sum of both directions: each view's prediction meets the other's target."""
    return byol_direction(predictions[0], targets[1]) + byol_direction(predictions[1], targets[0])


def simsiam(predictions: tuple[Array, Array], targets: tuple[Array, Array]) -> float:
    """Return half the sum of the negative cosines of both directions, (batch, dim) each.

    arXiv:2011.10566 Eq. 1 and 2.
    """
    total = 0.0
    for first, second in ((0, 1), (1, 0)):
        for prediction, target in zip(predictions[first], targets[second], strict=True):
            total -= float(unit(prediction) @ unit(target)) / 2
    return total / len(predictions[0])
