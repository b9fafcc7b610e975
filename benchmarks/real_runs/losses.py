"""The losses as pure functions of embeddings (batch, dim); means over the batch, in nats."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional


def unit(z: Any) -> Any:
    """Scale rows to length one."""
    return functional.normalize(z, dim=1)


def nt_xent(first: Any, second: Any, temperature: float) -> Any:
    """SimCLR's loss over all 2B anchors (arXiv:2002.05709, eq. 1)."""
    z = unit(torch.cat([first, second]))
    logits = z @ z.T / temperature
    logits.fill_diagonal_(float("-inf"))
    count = len(first)
    target = torch.arange(2 * count).roll(count)
    return functional.cross_entropy(logits, target)


def queue_logits(query: Any, key: Any, queue: Any, temperature: float) -> Any:
    """MoCo's logits (batch, 1 + K), the positive first (arXiv:1911.05722, algorithm 1)."""
    positive = (query * key).sum(dim=1, keepdim=True)
    return torch.cat([positive, query @ queue.T], dim=1) / temperature


def sup_con(first: Any, second: Any, labels: Any, temperature: float) -> Any:
    """Supervised contrastive loss, positives outside the log (arXiv:2004.11362, eq. 2)."""
    z = unit(torch.cat([first, second]))
    marks = labels.repeat(2)
    itself = torch.eye(len(z), dtype=torch.bool)
    logits = (z @ z.T / temperature).masked_fill(itself, float("-inf"))
    log_share = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    same = (marks[:, None] == marks[None]) & ~itself
    return -(log_share.masked_fill(~same, 0.0).sum(dim=1) / same.sum(dim=1)).mean()


def clip(images: Any, texts: Any, scale: Any) -> Any:
    """Mean of both directions over B pairs (arXiv:2103.00020, figure 3)."""
    logits = scale * unit(images) @ unit(texts).T
    target = torch.arange(len(images))
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def cosine(predicted: Any, target: Any) -> Any:
    """Mean cosine similarity of the rows."""
    return functional.cosine_similarity(predicted, target, dim=1).mean()


def vicreg_terms(first: Any, second: Any) -> dict[str, Any]:
    """Invariance, variance hinge and covariance before their weights (arXiv:2105.04906)."""
    spread, covariance = 0.0, 0.0
    for z in (first, second):
        spread = spread + torch.relu(1 - torch.sqrt(z.var(dim=0) + 1e-4)).mean() / 2
        centred = z - z.mean(dim=0)
        matrix = centred.T @ centred / (len(z) - 1)
        off = matrix.square().sum() - matrix.diagonal().square().sum()
        covariance = covariance + off / z.shape[1]
    return {"inv": functional.mse_loss(first, second), "var": spread, "cov": covariance}


def barlow_terms(first: Any, second: Any) -> dict[str, Any]:
    """Squared distance of the diagonal from 1, and of the rest from 0 (arXiv:2103.03230)."""
    scaled = [(z - z.mean(dim=0)) / (z.std(dim=0) + 1e-6) for z in (first, second)]
    matrix = scaled[0].T @ scaled[1] / len(first)
    diagonal = matrix.diagonal()
    off = matrix.square().sum() - diagonal.square().sum()
    return {"on_diag": (diagonal - 1).square().sum(), "off_diag": off}


def sinkhorn(scores: Any, epsilon: float, rounds: int = 3) -> Any:
    """Balanced assignments (batch, prototypes), each row summing to 1 (arXiv:2006.09882)."""
    with torch.no_grad():
        shares = torch.exp((scores - scores.max()) / epsilon)
        for _ in range(rounds):
            shares = shares / shares.sum(dim=0, keepdim=True) / shares.shape[1]
            shares = shares / shares.sum(dim=1, keepdim=True) / shares.shape[0]
        return shares * len(shares)


def soft_cross_entropy(target: Any, logits: Any) -> Any:
    """Mean cross-entropy between distributions (batch, K) and logits (batch, K)."""
    return -(target * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()


def entropy(shares: Any) -> Any:
    """Mean entropy of distributions (batch, K)."""
    return -(shares * torch.log(shares.clamp_min(1e-12))).sum(dim=1).mean()
