"""A linear probe: logistic regression on standardised features, fitted by L-BFGS."""

from __future__ import annotations

import torch
from torch.nn import functional

from reference_impl.shapes import Float, Int, Tensor

PENALTIES = (1e-4, 1e-3, 1e-2)
"""L2 penalties tried; a tenth of the training images chooses among them."""

_ITERATIONS = 60


def linear_accuracy(
    train: Float[Tensor, "n width"],
    train_labels: Int[Tensor, " n"],
    test: Float[Tensor, "m width"],
    test_labels: Int[Tensor, " m"],
) -> float:
    """Return the share of test images that a linear classifier gets right, 0 to 1.

    Deterministic: the classifier starts at zero and sees all images at once.
    """
    mean, std = train.mean(dim=0), train.std(dim=0)
    scale = torch.where(std > 0, std, torch.ones_like(std))
    train, test = (train - mean) / scale, (test - mean) / scale
    classes = int(torch.maximum(train_labels.max(), test_labels.max())) + 1
    kept = max(len(train) // 10, 1)
    scores = [
        _accuracy(
            _fit(train[kept:], train_labels[kept:], classes, penalty),
            train[:kept],
            train_labels[:kept],
        )
        for penalty in PENALTIES
    ]
    best = PENALTIES[scores.index(max(scores))]
    return _accuracy(_fit(train, train_labels, classes, best), test, test_labels)


def _fit(inputs: Tensor, labels: Tensor, classes: int, penalty: float) -> Tensor:
    """Return weights (classes, width + 1), the bias last, which the penalty leaves alone."""
    weights = inputs.new_zeros(classes, inputs.shape[1] + 1, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights], max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        solver.zero_grad()
        value = functional.cross_entropy(_scores(weights, inputs), labels)
        value = value + penalty * weights[:, :-1].square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(loss)
    return weights.detach()


def _scores(weights: Tensor, inputs: Tensor) -> Tensor:
    return functional.linear(inputs, weights[:, :-1], weights[:, -1])


def _accuracy(weights: Tensor, inputs: Tensor, labels: Tensor) -> float:
    return float((_scores(weights, inputs).argmax(dim=1) == labels).float().mean())
