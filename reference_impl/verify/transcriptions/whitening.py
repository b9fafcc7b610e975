"""W-MSE: distances between whitened views."""

from __future__ import annotations

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array
from reference_impl.verify.transcriptions.prediction import byol_direction


def whiten(rows: Array, eps: float = 0.0) -> Array:
    """Return W (row - mean) for each row of (batch, dim), with W'W the inverse covariance.

    arXiv:2007.06346: W is the inverse of the lower Cholesky factor of the covariance, over
    N - 1. `eps` shrinks the covariance towards the identity, (1 - eps) S + eps I, as
    gh:htdt/self-supervised@d9662c8d07dafd194a9045375f4f6aa09f5b03e9:methods/whitening.py does.
    """
    count, dim = rows.shape
    centred = rows - rows.mean(axis=0)
    covariance = np.zeros((dim, dim))
    for row in centred:
        covariance += np.outer(row, row) / (count - 1)
    factor = np.asarray(
        np.linalg.cholesky((1 - eps) * covariance + eps * np.eye(dim)), dtype=np.float64
    )
    return np.array([_forward_substitution(factor, row) for row in centred])


def _forward_substitution(lower: Array, right: Array) -> Array:
    solution: Array = np.zeros_like(right)
    for i in range(len(right)):
        solution[i] = (right[i] - lower[i, :i] @ solution[:i]) / lower[i, i]
    return solution


def w_mse(views: tuple[Array, ...], slices: tuple[tuple[int, ...], ...], eps: float = 0.0) -> float:
    """Return the mean over pairs of views of the distance of unit-length whitened rows.

    `views` are (batch, dim) each. Every view is whitened slice by slice, the slices being index
    sets that cover the batch (arXiv:2007.06346; methods/w_mse.py and methods/norm_mse.py of the
    same code).
    """
    whitened = []
    for view in views:
        rows = np.zeros_like(view)
        for indices in slices:
            rows[list(indices)] = whiten(view[list(indices)], eps)
        whitened.append(rows)
    pairs = [(i, j) for i in range(len(views)) for j in range(i + 1, len(views))]
    return sum(byol_direction(whitened[i], whitened[j]) for i, j in pairs) / len(pairs)
