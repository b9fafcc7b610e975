"""W-MSE: distances between whitened views."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

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


def whiten_symmetric(rows: Array, floor: float) -> Array:
    """Return S^(-1/2) (row - mean), with the eigenvalues of the covariance S raised to `floor`.

    The symmetric root, as stable-pretraining whitens; (batch, dim), covariance over N - 1.
    """
    centred = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / (len(rows) - 1))
    root = np.zeros_like(vectors)
    for value, vector in zip(values, vectors.T, strict=True):
        root += np.outer(vector, vector) / np.sqrt(max(value, floor))
    return np.asarray(centred @ root)


def w_mse(
    views: Sequence[Array],
    slices: Sequence[Sequence[int]],
    eps: float = 0.0,
    *,
    unit_length: bool = True,
) -> float:
    """Return the mean over pairs of views of the distance of their whitened rows.

    `views` are (batch, dim) each. Every view is whitened slice by slice, the slices being index
    sets that cover the batch (arXiv:2007.06346; methods/w_mse.py and methods/norm_mse.py of the
    same code): the squared distance of unit vectors, or without `unit_length` the squared
    difference averaged over batch and dimensions.
    """
    whitened = []
    for view in views:
        rows = np.zeros_like(view)
        for indices in slices:
            rows[list(indices)] = whiten(view[list(indices)], eps)
        whitened.append(rows)
    pairs = list(combinations(whitened, 2))
    if unit_length:
        return sum(byol_direction(one, other) for one, other in pairs) / len(pairs)
    return sum(float(((one - other) ** 2).mean()) for one, other in pairs) / len(pairs)


def w_mse_symmetric(views: Sequence[Array], floor: float) -> float:
    """Return the mean over pairs of views, batch and dimensions of the squared difference of unit
    vectors, all views (batch, dim) whitened together by `whiten_symmetric`."""
    rows = whiten_symmetric(np.concatenate(list(views)), floor)
    whitened = np.split(rows, len(views))
    pairs = list(combinations(whitened, 2))
    dim = len(rows[0])
    return sum(byol_direction(one, other) for one, other in pairs) / len(pairs) / dim
