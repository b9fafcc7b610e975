"""SimCLR's NT-Xent and the supervised contrastive loss."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Literal

import numpy as np

from reference_impl.verify.transcriptions.numbers import Array, IntArray, log_sum_exp, unit

Joined = Literal["out", "in", "in_sum"]
"""Where a supervised loss joins the positives of an anchor: outside the logarithm, or inside."""


def nt_xent(first: Array, second: Array, temperature: float) -> float:
    """Return the mean over all 2N views of -ln of the partner's share among the 2N - 1 others.

    (batch, dim) each. arXiv:2002.05709 Eq. 1: l(i,j) = -ln [exp(s_ij/t) / sum over k != i of
    exp(s_ik/t)], s the cosine, averaged over both orders of every pair.
    """
    count = len(first)
    views = [unit(row) for row in (*first, *second)]
    total = 0.0
    for i, anchor in enumerate(views):
        partner = (i + count) % (2 * count)
        others = [float(anchor @ view) / temperature for k, view in enumerate(views) if k != i]
        total += log_sum_exp(others) - float(anchor @ views[partner]) / temperature
    return total / (2 * count)


def nt_xent_official(first: Array, second: Array, temperature: float) -> float:
    """Return what the released code logs: one term per direction, added and not averaged.

    (batch, dim) each. gh:google-research/simclr@383d4143fd8cf7879ae10f1046a9baeb753ff438:
    tf2/objective.py, add_contrastive_loss: mean over images of loss_a + loss_b.
    """
    return 2 * nt_xent(first, second, temperature)


def decoupled(first: Array, second: Array, temperature: float) -> float:
    """Return NT-Xent whose denominator leaves the positive out, the mean over all 2N views.

    (batch, dim) each. arXiv:2110.06848 Eq. 6.
    """
    count = len(first)
    views = [unit(row) for row in (*first, *second)]
    total = 0.0
    for i, anchor in enumerate(views):
        partner = (i + count) % (2 * count)
        logits = [float(anchor @ view) / temperature for view in views]
        negatives = [logit for k, logit in enumerate(logits) if k not in (i, partner)]
        total += log_sum_exp(negatives) - logits[partner]
    return total / (2 * count)


def sup_con(
    views: Sequence[Array],
    labels: IntArray,
    temperature: float,
    *,
    joined: Joined = "out",
    base_temperature: float | None = None,
) -> float:
    """Return the supervised contrastive loss over views (batch, dim) with labels (batch,).

    arXiv:2004.11362 Eq. 2 (the sum over positives outside the logarithm), averaged over anchors:
    -1/|P(i)| sum over p in P(i) of ln [exp(z_i z_p/t) / sum over a != i of exp(z_i z_a/t)].
    `in` (Eq. 3) has the mean over positives inside the logarithm, `in_sum` their sum.
    With `base_temperature` times t/base, as
    gh:HobbitLong/SupContrast@66a8fe53880d6a1084b2e4e0db0a019024d6d41a:losses.py does; as there,
    an anchor without a positive counts as 0.
    """
    rows = [unit(row) for view in views for row in view]
    classes = np.tile(labels, len(views))
    total = 0.0
    for i, anchor in enumerate(rows):
        logits = {a: float(anchor @ row) / temperature for a, row in enumerate(rows) if a != i}
        normaliser = log_sum_exp(logits.values())
        positives = [a for a in logits if classes[a] == classes[i]]
        if positives:
            total += normaliser - _joined([logits[p] for p in positives], joined)
    scale = 1.0 if base_temperature is None else temperature / base_temperature
    return scale * total / len(rows)


def _joined(positives: Sequence[float], joined: Joined) -> float:
    if joined == "out":
        return sum(positives) / len(positives)
    inside = log_sum_exp(positives)
    return inside - log(len(positives)) if joined == "in" else inside
