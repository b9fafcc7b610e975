"""The empirical characteristic function on an even grid, in the memory of one grid point.

Real and imaginary part at t = k h are means of cos(k x h) and sin(k x h). Rotating by the
same angle again and again gives all k from one cosine and one sine a sample, where evaluating
each takes 2 K of them and keeps as many large tensors for the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from reference_impl.shapes import Float, Tensor


def characteristic_function(
    samples: Float[Tensor, "*views batch slices"], step: float, count: int
) -> tuple[Float[Tensor, "*views slices count"], Float[Tensor, "*views slices count"]]:
    """Return the means over the batch of cos(t x) and sin(t x) at t = 0, step, 2 step, ...

    `count` grid points, at least 1. Differentiable once; float32 or float64. The rotation's
    rounding errors grow with k: about 1e-6 in float32 at k = 16.
    """
    real, imaginary = _CharacteristicFunction.apply(samples, step, count)
    return real, imaginary


class _CharacteristicFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, samples: Tensor, step: float, count: int) -> tuple[Tensor, Tensor]:
        angle = samples * step
        cosine, sine = angle.cos(), angle.sin()
        ctx.save_for_backward(cosine, sine)
        ctx.step = step
        real, imaginary = torch.ones_like(cosine), torch.zeros_like(sine)
        means = [(real.mean(-2), imaginary.mean(-2))]
        for _ in range(count - 1):
            real, imaginary = _rotated(real, imaginary, cosine, sine)
            means.append((real.mean(-2), imaginary.mean(-2)))
        return torch.stack([r for r, _ in means], -1), torch.stack([i for _, i in means], -1)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, to_real: Tensor, to_imaginary: Tensor) -> tuple[Tensor, None, None]:
        cosine, sine = ctx.saved_tensors
        real, imaginary = cosine, sine
        grad = torch.zeros_like(cosine)
        for k in range(1, to_real.shape[-1]):
            # d cos(k a)/da = -k sin(k a), d sin(k a)/da = k cos(k a).
            grad.addcmul_(imaginary, to_real[..., k].unsqueeze(-2), value=-k)
            grad.addcmul_(real, to_imaginary[..., k].unsqueeze(-2), value=k)
            real, imaginary = _rotated(real, imaginary, cosine, sine)
        return grad.mul_(ctx.step / cosine.shape[-2]), None, None


def _rotated(
    real: Tensor, imaginary: Tensor, cosine: Tensor, sine: Tensor
) -> tuple[Tensor, Tensor]:
    return (
        torch.addcmul(real * cosine, imaginary, sine, value=-1),
        torch.addcmul(imaginary * cosine, real, sine),
    )
