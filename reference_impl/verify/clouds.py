"""Inputs whose loss is known: random, collapsed, unrelated and ideally spread embeddings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference_impl.verify.case import Arrays, Draw, Generator

Floats = npt.NDArray[np.float64]

SMALL = ((16, 7), (7, 16))
"""(batch, dim): more samples than dimensions and fewer, since losses may take another route."""


def normal(rng: Generator, *shape: int) -> Floats:
    """Return independent unit-normal numbers."""
    return rng.standard_normal(shape)


def unit_rows(rows: Floats) -> Floats:
    """Return rows (batch, dim) divided by their lengths."""
    return np.asarray(rows / np.sqrt((rows * rows).sum(axis=-1, keepdims=True)))


def pair(batch: int, dim: int, *, names: tuple[str, str] = ("first", "second")) -> Draw:
    """Return a draw of two views (batch, dim) that resemble each other.

    They are off centre, and dimensions differ in scale from 0.03 to 2, so that hinges are open
    in some and an epsilon beside a variance shows.
    """

    def draw(rng: Generator) -> Arrays:
        scale = np.geomspace(0.03, 2.0, dim)
        shared = normal(rng, batch, dim) + 0.3
        return {name: scale * (shared + 0.5 * normal(rng, batch, dim)) for name in names}

    return draw


def pairs(names: tuple[str, str] = ("first", "second")) -> tuple[Draw, ...]:
    """Return such draws in both shapes of SMALL."""
    return tuple(pair(batch, dim, names=names) for batch, dim in SMALL)


def unrelated(batch: int, dim: int, names: tuple[str, ...]) -> Draw:
    """Return a draw of independent unit-normal clouds."""
    return lambda rng: {name: normal(rng, batch, dim) for name in names}


def constant(batch: int, dim: int, names: tuple[str, ...], *, extra: Arrays | None = None) -> Draw:
    """Return a draw where one random vector stands in every row of every input."""

    def draw(rng: Generator) -> Arrays:
        row = normal(rng, dim)
        return {**{name: np.tile(row, (batch, 1)) for name in names}, **(extra or {})}

    return draw


def simplex(points: int) -> Floats:
    """Return `points` unit vectors (points, points) at the cosine -1/(points - 1)."""
    centred = np.eye(points) - 1 / points
    lengths = np.sqrt((centred * centred).sum(axis=1, keepdims=True))
    return np.asarray(centred / lengths)


def ideal(points: int, names: tuple[str, ...], *, extra: Arrays | None = None) -> Draw:
    """Return a draw of identical views on a simplex, as far apart as vectors can be."""
    return lambda _rng: {**{name: simplex(points) for name in names}, **(extra or {})}


def rank_one(batch: int, dim: int, names: tuple[str, ...]) -> Draw:
    """Return a draw where every dimension carries one signal of unit (N - 1) variance."""

    def draw(rng: Generator) -> Arrays:
        signal = normal(rng, batch)
        signal = (signal - signal.mean()) / signal.std(ddof=1)
        return {name: np.tile(signal[:, None], (1, dim)) for name in names}

    return draw


def zero(batch: int, dim: int, names: tuple[str, ...]) -> Draw:
    """Return a draw of zeros."""
    return lambda _rng: {name: np.zeros((batch, dim)) for name in names}


def whitened(batch: int, dim: int, names: tuple[str, ...]) -> Draw:
    """Return a draw of identical views (batch, dim) whose correlations are as small as fewer
    samples than dimensions allow; `batch` is at most `dim`.

    The columns have N - 1 directions to share, and their energy is least when they form a tight
    frame there.
    """

    def draw(_rng: Generator) -> Arrays:
        frame = _tight_frame(batch - 1, dim)
        samples = _basis_without_mean(batch) @ frame
        return {name: samples / samples.std(axis=0) for name in names}

    return draw


def _tight_frame(rank: int, columns: int) -> Floats:
    """Return `columns` unit vectors (rank, columns) whose frame operator is a multiple of the
    identity: real harmonics, with a constant row where the rank is odd."""
    angles = 2 * np.pi * np.outer(np.arange(1, rank // 2 + 1), np.arange(columns)) / columns
    rows = [np.cos(angles) * np.sqrt(2 / rank), np.sin(angles) * np.sqrt(2 / rank)]
    if rank % 2:
        rows.append(np.full((1, columns), np.sqrt(1 / rank)))
    return np.concatenate(rows)


def _basis_without_mean(batch: int) -> Floats:
    """Return an orthonormal basis (batch, batch - 1) of what is orthogonal to the constant."""
    centred = np.eye(batch) - 1 / batch
    vectors, _, _ = np.linalg.svd(centred)
    return np.asarray(vectors[:, : batch - 1])


def two_sides(batch: int, dim: int, predictions: tuple[str, str], targets: tuple[str, str]) -> Draw:
    """Return a draw of predictions and targets of two views (batch, dim each), all alike."""

    def draw(rng: Generator) -> Arrays:
        scale = np.geomspace(0.03, 2.0, dim)
        shared = normal(rng, batch, dim) + 0.3
        names = (*predictions, *targets)
        return {name: scale * (shared + 0.5 * normal(rng, batch, dim)) for name in names}

    return draw
