"""Weighted nearest neighbours, as DINO's evaluation does it."""

from __future__ import annotations

import torch
from torch.nn import functional

from reference_impl.shapes import Float, Int, Tensor

NEIGHBOURS = 20
TEMPERATURE = 0.07
"""DINO's defaults (facebookresearch/dino at 04c0ad9, eval_knn.py, which says of 20 that it is
usually the best of 10, 20, 100 and 200)."""

_CHUNK = 1024


def knn_accuracy(
    train: Float[Tensor, "n width"],
    train_labels: Int[Tensor, " n"],
    test: Float[Tensor, "m width"],
    test_labels: Int[Tensor, " m"],
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """Return the share of test images whose neighbours vote for their class, 0 to 1.

    Each of the `neighbours` nearest training images by cosine votes with exp(cosine / T).
    """
    classes = int(torch.maximum(train_labels.max(), test_labels.max())) + 1
    bank = functional.normalize(train, dim=1)
    right = 0
    for start in range(0, len(test), _CHUNK):
        queries = functional.normalize(test[start : start + _CHUNK], dim=1)
        cosine, place = (queries @ bank.T).topk(min(neighbours, len(bank)), dim=1)
        # The largest cosine is subtracted: it cancels, and exp stays finite at any temperature.
        votes = torch.exp((cosine - cosine[:, :1]) / temperature)
        tally = votes.new_zeros(len(queries), classes)
        tally.scatter_add_(1, train_labels[place], votes)
        right += int((tally.argmax(dim=1) == test_labels[start : start + _CHUNK]).sum())
    return right / len(test)
