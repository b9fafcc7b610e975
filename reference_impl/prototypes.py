"""Prototypes: directions that embeddings are compared with, and how evenly they are used."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from reference_impl.shapes import Float, Tensor


class UnitRows(nn.Module):
    """A linear layer without bias whose rows have length 1, or a learnt length.

    What weight normalisation does, without hooks: it can be copied and compiled.
    """

    def __init__(self, width: int, prototypes: int, *, learnt_length: bool = False) -> None:
        super().__init__()
        self.direction = nn.Parameter(nn.Linear(width, prototypes, bias=False).weight.detach())
        self.length = nn.Parameter(torch.ones(prototypes, 1)) if learnt_length else None

    def forward(self, rows: Float[Tensor, "batch width"]) -> Float[Tensor, "batch prototypes"]:
        """Return the products of `rows` with every prototype."""
        weight = functional.normalize(self.direction, dim=1)
        return functional.linear(rows, weight if self.length is None else weight * self.length)


@torch.no_grad()
def usage(codes: Float[Tensor, "batch prototypes"]) -> dict[str, Float[Tensor, ""]]:
    """Return what the loss hides about `codes`, distributions of images over prototypes.

    `teacher_entropy` is 0 when each image has one prototype and ln K when codes are flat;
    `proto_perplexity` is the number of prototypes in use over the batch, `proto_max_share` the
    mass of the largest.
    """
    mean = codes.mean(dim=0)
    return {
        "teacher_entropy": _entropy(codes).mean(),
        "proto_perplexity": _entropy(mean).exp(),
        "proto_max_share": mean.max(),
    }


def _entropy(shares: Float[Tensor, "*batch prototypes"]) -> Float[Tensor, "*batch"]:
    return -torch.special.xlogy(shares, shares).sum(dim=-1)
