"""Changes of the inputs that a loss must ignore, or must notice."""

from __future__ import annotations

import numpy as np

from reference_impl.verify.case import Arrays, Generator, Relation


def permuted(*names: str) -> Relation:
    """Return: the order of the batch does not matter; `names` are reordered alike."""

    def change(arrays: Arrays, rng: Generator) -> Arrays:
        order = rng.permutation(len(arrays[names[0]]))
        return {**arrays, **{name: arrays[name][order] for name in names}}

    return Relation("batch order", change)


def mispaired(name: str) -> Relation:
    """Return: rolling one side by a row breaks the pairs, so the loss must change."""
    return Relation(
        "pairs matter",
        lambda arrays, _: {**arrays, name: np.roll(arrays[name], 1, axis=0)},
        same=False,
    )


def swapped(*pairs: tuple[str, str]) -> Relation:
    """Return: the two views may change places."""

    def change(arrays: Arrays, _: Generator) -> Arrays:
        exchanged = dict(arrays)
        for one, other in pairs:
            exchanged[one], exchanged[other] = arrays[other], arrays[one]
        return exchanged

    return Relation("views swapped", change)


def scaled(*names: str, same: bool = True) -> Relation:
    """Return: multiplying inputs by 3 does not matter (or must, when not `same`)."""
    name = "scale ignored" if same else "scale matters"
    return Relation(
        name, lambda arrays, _: {**arrays, **{one: 3.0 * arrays[one] for one in names}}, same
    )


def rows_scaled(*names: str) -> Relation:
    """Return: each row may have its own positive length."""

    def change(arrays: Arrays, rng: Generator) -> Arrays:
        stretched = dict(arrays)
        for name in names:
            stretched[name] = arrays[name] * rng.uniform(0.5, 2.0, (len(arrays[name]), 1))
        return stretched

    return Relation("row length ignored", change)


def shifted(*names: str, same: bool = True, per_row: bool = False) -> Relation:
    """Return: adding one vector to every row of all inputs does not matter (or must).

    `per_row` adds one number to each row instead, as to logits.
    """

    def change(arrays: Arrays, rng: Generator) -> Arrays:
        shape = arrays[names[0]].shape
        kept = (*shape[:-1], 1) if per_row else (*[1] * (len(shape) - 1), shape[-1])
        shift = rng.standard_normal(kept)
        return {**arrays, **{name: arrays[name] + shift for name in names}}

    return Relation("shift ignored" if same else "shift matters", change, same)


def rotated(*names: str, same: bool = True) -> Relation:
    """Return: one rotation of all inputs does not matter (or must)."""

    def change(arrays: Arrays, rng: Generator) -> Arrays:
        dim = arrays[names[0]].shape[-1]
        rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        return {**arrays, **{name: arrays[name] @ rotation for name in names}}

    return Relation("rotation ignored" if same else "rotation matters", change, same)
