"""A linear probe in closed form: ridge regression on the classes, its penalty by leave-one-out.

It needs no learning rate and no seed, and a fiftieth of the time of logistic regression by
L-BFGS, which on features of a random encoder was 1.6 points of digits better.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from reference_impl.shapes import Float, Int, Tensor

PENALTIES = tuple(10.0**power for power in range(-6, 2))
"""Penalties tried, as shares of the features' mean eigenvalue."""


def linear_accuracy(
    train: Float[Tensor, "n width"],
    train_labels: Int[Tensor, " n"],
    test: Float[Tensor, "m width"],
    test_labels: Int[Tensor, " m"],
) -> float:
    """Return the share of test images that a linear classifier gets right, 0 to 1.

    Features are standardised; the targets are 1 for the class and 0 elsewhere, less their mean.
    The penalty with the best accuracy on left-out training images is taken; each image's
    prediction without itself follows from the fit to all, so nothing is fitted twice.
    """
    train, test = train.double(), test.double()
    mean, std = train.mean(dim=0), train.std(dim=0)
    scale = torch.where(std > 0, std, torch.ones_like(std))
    train, test = (train - mean) / scale, (test - mean) / scale
    classes = int(torch.maximum(train_labels.max(), test_labels.max())) + 1
    targets = functional.one_hot(train_labels, classes).double()
    prior = targets.mean(dim=0)
    values, vectors = torch.linalg.eigh(train.T @ train)
    rotated = train @ vectors  # (n, width)
    answers = rotated.T @ (targets - prior)  # (width, classes)
    best, weights = -1.0, answers
    for share in PENALTIES:
        shrink = 1 / (values.clamp_min(0) + share * values.mean().clamp_min(1e-12))
        fitted = rotated @ (shrink[:, None] * answers) + prior
        leverage = (rotated.square() @ shrink + 1 / len(train)).clamp_max(1 - 1e-9)
        left_out = targets - (targets - fitted) / (1 - leverage)[:, None]
        score = _share_right(left_out, train_labels)
        if score > best:
            best, weights = score, shrink[:, None] * answers
    return _share_right(test @ vectors @ weights + prior, test_labels)


def _share_right(scores: Tensor, labels: Tensor) -> float:
    return float((scores.argmax(dim=1) == labels).double().mean())
