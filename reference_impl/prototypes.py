"""Prototypes: directions that embeddings are compared with, and how evenly they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from reference_impl.encoders.vit import initialise
from reference_impl.heads import mlp
from reference_impl.losses.precision import at_least_float32
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


class PrototypeHead(nn.Module):
    """MLP, L2 normalisation, then prototypes: logits are cosines unless lengths are learnt.

    DINO's head, vision_transformer.py#L257-L291 at 7c446df; weights are truncated normals of
    deviation 0.02. `layers` counts the MLP's, `norm` puts BatchNorm after its hidden ones.
    """

    def __init__(
        self,
        width: int,
        prototypes: int,
        *,
        hidden_width: int = 2048,
        bottleneck: int = 256,
        layers: int = 3,
        norm: bool = False,
        learnt_length: bool = False,
    ) -> None:
        super().__init__()
        widths = (width, *[hidden_width] * (layers - 1), bottleneck)
        self.mlp = mlp(widths, norm=norm, activation=nn.GELU)
        initialise(self.mlp, "truncated")
        self.last = UnitRows(bottleneck, prototypes, learnt_length=learnt_length)

    def forward(self, features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch prototypes"]:
        """Return one logit per prototype."""
        return self.compare(self.mlp(features))

    def compare(
        self, embeddings: Float[Tensor, "batch bottleneck"]
    ) -> Float[Tensor, "batch prototypes"]:
        """Return the logits of what the MLP gave; its length is taken in float32 at least."""
        logits: Tensor = self.last(functional.normalize(at_least_float32(embeddings), dim=-1))
        return logits


def code_cross_entropy(
    codes: Sequence[Float[Tensor, "batch prototypes"]],
    logits: Float[Tensor, "batch prototypes"],
    temperature: float,
) -> Float[Tensor, " batch"]:
    """Return -sum_k q_k log softmax(logits/temperature)_k of each image, summed over `codes`.

    Codes q sum to 1 and take no gradient. With n codes the value is n logsumexp(s) - (sum q) . s,
    so one pass serves all codes of a view, and only the logits are kept for the backward pass:
    at 65,536 prototypes each (batch, prototypes) matrix that autograd would keep matters.
    Computes in float32 at least.
    """
    first, *others = [at_least_float32(code) for code in codes]
    for code in others:
        first = first + code
    return _CodeCrossEntropy.apply(logits, first, len(codes), temperature)


class _CodeCrossEntropy(torch.autograd.Function):
    """d/ds = (n softmax(s/t) - sum q)/t."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, codes: Tensor, count: int, temperature: float) -> Tensor:
        scaled = at_least_float32(logits) / temperature
        partition = scaled.logsumexp(dim=-1)
        ctx.save_for_backward(logits, codes, partition)
        ctx.count, ctx.temperature = count, temperature
        return count * partition - scaled.mul_(codes).sum(dim=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        logits, codes, partition = ctx.saved_tensors
        scaled = at_least_float32(logits) / ctx.temperature
        slope = scaled.sub_(partition[:, None]).exp_().mul_(ctx.count).sub_(codes)
        return slope.mul_(grad[:, None] / ctx.temperature).to(logits.dtype), None, None, None


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
