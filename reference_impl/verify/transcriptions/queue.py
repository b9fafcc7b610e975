"""MoCo: InfoNCE against a queue (v1, v2) and against the batch of keys (v3)."""

from __future__ import annotations

from reference_impl.verify.transcriptions.numbers import Array, log_sum_exp, unit


def moco(queries: Array, keys: Array, queue: Array, temperature: float) -> float:
    """Return the mean over queries of -ln of their key's share among key and queue.

    `queries` and `keys` (batch, dim), `queue` (K, dim). arXiv:1911.05722 Eq. 1, the sum running
    over one positive and K negatives.
    """
    negatives = [unit(row) for row in queue]
    total = 0.0
    for query, key in zip(queries, keys, strict=True):
        direction = unit(query)
        positive = float(direction @ unit(key)) / temperature
        others = [float(direction @ negative) / temperature for negative in negatives]
        total += log_sum_exp([positive, *others]) - positive
    return total / len(queries)


def moco_v3(queries: tuple[Array, Array], keys: tuple[Array, Array], temperature: float) -> float:
    """Return both directions of MoCo v3, each InfoNCE over the batch's keys times 2 t.

    (batch, dim) each; the first view's queries meet the second view's keys. arXiv:2104.02057
    Algorithm 1; gh:facebookresearch/moco-v3@c349e6e24f40d3fedb22d973f92defa4cedf37a7:
    moco/builder.py, contrastive_loss.
    """
    first, second = queries
    key_first, key_second = keys
    return _direction(first, key_second, temperature) + _direction(second, key_first, temperature)


def _direction(queries: Array, keys: Array, temperature: float) -> float:
    directions = [unit(row) for row in keys]
    total = 0.0
    for i, query in enumerate(queries):
        logits = [float(unit(query) @ key) / temperature for key in directions]
        total += log_sum_exp(logits) - logits[i]
    return 2 * temperature * total / len(queries)
