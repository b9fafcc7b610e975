"""Losses compute in float32 at least, whatever the networks around them run in."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from reference_impl.shapes import Float, Tensor


def at_least_float32(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return float16 and bfloat16 `values` as float32, and others as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def number_like(value: float | Tensor, like: Tensor) -> Float[Tensor, ""]:
    """Return a number as a tensor of the type and device of `like`.

    A Python number is filled in there: `torch.as_tensor` would copy it from the host, which a
    GPU's stream is waited for and a CUDA graph does not allow.
    """
    if isinstance(value, Tensor):
        return value.to(like)
    return torch.full((), value, dtype=like.dtype, device=like.device)


def full_precision(values: Tensor) -> torch.autocast:
    """Return a context in which autocast leaves matrix products on the device of `values` alone."""
    return torch.autocast(values.device.type, enabled=False)


def unit_rows(rows: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows dim"]:
    """Return `rows` divided by their length, in float32 at least; a zero row stays zero."""
    return normalize(at_least_float32(rows), dim=-1)
