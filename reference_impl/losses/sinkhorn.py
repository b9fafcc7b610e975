"""Sinkhorn-Knopp: codes that use every prototype equally, over the batch of all processes.

SwAV and the Sinkhorn variant of DINO and iBOT turn scores into codes by scaling exp(scores/eps)
until each prototype holds 1/K of the mass and each sample 1/B. With eps = 0.05 the exponent spans
40 for cosines and far more for unbounded logits: exp overflows float16 at 11 and float32 at 88.
"""

from __future__ import annotations

import torch
from torch import distributed as dist

from reference_impl.distributed import sum_over_processes, world
from reference_impl.losses.precision import at_least_float32, full_precision
from reference_impl.shapes import Float, Tensor

SAFE_SPAN = 70.0
"""Span of scores/epsilon up to which plain float32 exponentials serve: exp(-70) = 4e-31 leaves
7 decades to the smallest normal number, 1.2e-38."""


@torch.no_grad()
def sinkhorn(
    scores: Float[Tensor, "batch prototypes"],
    epsilon: float = 0.05,
    iterations: int = 3,
    *,
    bound: float | None = None,
) -> Float[Tensor, "batch prototypes"]:
    """Return codes, each row a distribution over prototypes; no gradient passes.

    Each iteration gives every prototype the same mass over all samples of all processes, then
    every sample the mass 1 (arXiv:2006.09882 section 3.1 and appendix A.1;
    gh:facebookresearch/swav@06b1b7cbaf6ba2a792300d79c7299db98b93b7f9:main_swav.py#L353-L376).
    lightly, solo-learn and stable-pretraining leave out constant factors that cancel; lightly
    sees one process only unless `sinkhorn_gather_distributed` is set. Processes may hold
    different numbers of rows.

    float16 and bfloat16 scores are computed and returned in float32. `bound` promises
    |scores| <= bound (1 for cosines): a GPU then picks the fast route without looking at the
    data. ValueError for fewer than one iteration or a non-positive epsilon.
    """
    if iterations < 1 or epsilon <= 0:
        raise ValueError(
            f"Sinkhorn needs at least 1 iteration and epsilon > 0, found {iterations} and {epsilon}"
        )
    logits = at_least_float32(scores) / epsilon
    top, span = _top_and_span(logits, None if bound is None else bound / epsilon)
    with full_precision(logits):  # masses as small as exp(-70) are 0 in a product of halves
        if span <= SAFE_SPAN:
            return _scaled(logits.sub_(top).exp_(), iterations)
        return _in_logarithms(logits, iterations)


def _top_and_span(logits: Tensor, bound: float | None) -> tuple[Tensor | float, float]:
    """Return what to subtract before exp, and the span of the logits over all processes."""
    if bound is not None and 2 * bound <= SAFE_SPAN:
        return bound, 2 * bound
    if logits.is_cuda:  # reading the data would stop the queue of kernels
        return 0.0, float("inf")
    # A process without rows (no masked patch, say) must not decide.
    extremes = logits.new_full((2,), -torch.inf)
    if logits.numel():
        extremes = torch.stack((logits.max(), -logits.min()))
    if world() > 1:
        dist.all_reduce(extremes, dist.ReduceOp.MAX)
    return extremes[0], float(extremes.sum())


def _scaled(mass: Tensor, iterations: int) -> Tensor:
    """Scale rows and columns through two vectors: the matrix itself is only read."""
    of_sample = mass.new_ones(mass.shape[0])
    for _ in range(iterations):
        of_prototype = sum_over_processes(of_sample @ mass).reciprocal_()
        of_sample = (mass @ of_prototype).reciprocal_()
    return mass.mul_(of_prototype).mul_(of_sample[:, None])


def _in_logarithms(logits: Tensor, iterations: int) -> Tensor:
    """Do the same with logarithms of all masses, for any span."""
    of_sample = logits.new_zeros(logits.shape[0])
    for _ in range(iterations):
        shifted = logits - _logsumexp_of_samples(logits + of_sample[:, None])
        of_sample = -shifted.logsumexp(dim=1)
    return shifted.softmax(dim=1)


def _logsumexp_of_samples(logits: Tensor) -> Tensor:
    """Return log sum exp over the samples of all processes, (prototypes,)."""
    if world() == 1:
        return logits.logsumexp(dim=0)
    top = logits.new_full((logits.shape[1],), -torch.inf)
    if len(logits):
        top = logits.amax(dim=0)
    dist.all_reduce(top, dist.ReduceOp.MAX)
    return top + sum_over_processes((logits - top).exp().sum(dim=0)).log_()
