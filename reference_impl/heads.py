"""Projection and prediction heads, with the choices that papers leave to their code."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def mlp(
    widths: Sequence[int],
    *,
    norm: bool = True,
    last_norm: bool = False,
    last_affine: bool = True,
    last_bias: bool = True,
    activation: type[nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Return linear layers from `widths[0]` to `widths[-1]`.

    Hidden layers are Linear, BatchNorm when `norm`, activation; a Linear before a BatchNorm has
    no bias, since the norm removes it. `last_norm` adds a BatchNorm to the output, which is
    without scale and shift when not `last_affine`. Raises ValueError for fewer than two widths.
    """
    if len(widths) < 2:
        raise ValueError(f"a head needs an input and an output width, found {list(widths)}")
    layers: list[nn.Module] = []
    *hidden, output = widths[1:]
    width = widths[0]
    for inner in hidden:
        layers.append(nn.Linear(width, inner, bias=not norm))
        if norm:
            layers.append(nn.BatchNorm1d(inner))
        layers.append(activation())
        width = inner
    layers.append(nn.Linear(width, output, bias=last_bias and not last_norm))
    if last_norm:
        layers.append(nn.BatchNorm1d(output, affine=last_affine))
    return nn.Sequential(*layers)
