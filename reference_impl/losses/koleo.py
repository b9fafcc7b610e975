"""KoLeo: push every embedding away from its nearest neighbour on the unit sphere."""

from __future__ import annotations

from typing import Literal

import torch
from torch.nn.functional import pairwise_distance

from reference_impl.distributed import gather, rank
from reference_impl.losses.precision import at_least_float32, full_precision
from reference_impl.shapes import Float, Tensor

Convention = Literal["official", "paper"]
Scope = Literal["global", "process"]

EPS = 1e-8
"""dinov2/loss/koleo_loss.py#L23 and #L38; lightly's default as well."""


def koleo_loss(
    rows: Float[Tensor, "batch dim"],
    *,
    convention: Convention = "official",
    scope: Scope = "global",
    eps: float = EPS,
) -> Float[Tensor, ""]:
    """Return the mean of -ln(distance of each unit vector to its nearest neighbour).

    After the entropy estimate of Kozachenko and Leonenko (arXiv:1806.03198);
    gh:facebookresearch/dinov2@b8931f7bf91576930313be2c6d6af376033b35f0:
    dinov2/loss/koleo_loss.py#L38-L48. The official code and lightly add `eps` to each coordinate
    of the difference and to the distance, so that coinciding neighbours give
    -ln(eps (1 + sqrt(dim))) instead of infinity; the "paper" has no eps.

    `scope` says among whom neighbours are looked for: all processes, or this one alone as DINOv2
    and lightly do. `rows` are normalised here, in float32 at least: eps is 0 in float16.
    ValueError for fewer than two rows, which have no neighbour.
    """
    with full_precision(rows):
        rows = torch.nn.functional.normalize(at_least_float32(rows), dim=-1, eps=eps)
        others = gather(rows) if scope == "global" else rows
        if len(others) < 2:
            raise ValueError("KoLeo needs at least 2 rows, found 1: nothing has a neighbour")
        first = rank() * len(rows) if scope == "global" else 0
        # The gradient of index_select is added up faster than that of indexing.
        nearest = others.index_select(0, _nearest(rows.detach(), others.detach(), first))
        if convention == "paper":
            return -(rows - nearest).norm(dim=-1).log().mean()
        return -(pairwise_distance(rows, nearest, eps=eps) + eps).log().mean()


def _nearest(rows: Tensor, others: Tensor, first: int) -> Tensor:
    """Return the index of each row's nearest other; row i is `others[first + i]`."""
    similarity = rows @ others.T
    similarity[:, first : first + len(rows)].fill_diagonal_(-torch.inf)
    return similarity.argmax(dim=1)
