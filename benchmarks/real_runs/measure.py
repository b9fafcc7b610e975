"""Whether a training learnt something: kNN accuracy of the features, spread of the embeddings."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch

from benchmarks.real_runs.data import Images, in_chunks
from benchmarks.real_runs.losses import unit

NEIGHBOURS = 20
BANK = 2000


def knn_accuracy(encoder: Any, images: Images) -> float:
    """Return the share of at most 500 held-out images whose label is the most frequent one
    among their 20 nearest of at most 2000 training images, by cosine."""
    watched = copy.deepcopy(encoder).eval()
    bank = unit(_encoded(watched, images.train[:BANK]))
    asked = unit(_encoded(watched, images.test[:500]))
    if not bool(torch.isfinite(bank).all() and torch.isfinite(asked).all()):
        return 0.0
    nearest = (asked @ bank.T).topk(NEIGHBOURS, dim=1).indices
    votes = torch.nn.functional.one_hot(images.train_labels[:BANK][nearest]).sum(dim=1)
    return float((votes.argmax(dim=1) == images.test_labels[:500]).float().mean())


def spread(method: Any, images: Any) -> float:
    """Return z_std * sqrt(d) of the projected `images`; NaN when they are not finite."""
    watched = copy.deepcopy(method).eval()
    with torch.no_grad():
        z = torch.cat([watched.project(part) for part in in_chunks(images)])
    return float(unit(z).std(dim=0).mean()) * math.sqrt(z.shape[1])


def _encoded(encoder: Any, images: Any) -> Any:
    with torch.no_grad():
        return torch.cat([encoder(part) for part in in_chunks(images)])
