"""Encoders of a few ten thousand weights, projection heads, and the moving average."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from benchmarks.real_runs.data import SIDE


def encoder(name: str) -> tuple[Any, int]:
    """Return an encoder of (n, 1, 16, 16) and the width of its output (n, width).

    `conv`, `mlp`, `vit`; `plain` is a deep MLP without normalisation, with a large init.
    """
    if name == "conv":
        return _conv((16, 32, 64)), 64
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), head(SIDE * SIDE, 256, 256, 128), nn.ReLU()), 128
    if name == "plain":
        layers: list[Any] = [nn.Flatten()]
        for before in (SIDE * SIDE, 256, 256, 256):
            layer = nn.Linear(before, 256)
            nn.init.kaiming_normal_(layer.weight)
            layers += [layer, nn.ReLU()]
        return nn.Sequential(*layers), 256
    return VisionTransformer(), VisionTransformer.width


def _conv(widths: tuple[int, ...]) -> Any:
    layers: list[Any] = []
    before = 1
    for place, width in enumerate(widths):
        stride = 1 if place == 0 else 2
        layers += [
            nn.Conv2d(before, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def head(*widths: int, norm: bool = True, last_norm: bool = False) -> Any:
    """Return an MLP with these layer widths: BatchNorm and ReLU between, linear at the end."""
    layers: list[Any] = []
    for place, (before, after) in enumerate(pairwise(widths)):
        inner = place < len(widths) - 2
        layers.append(nn.Linear(before, after, bias=not (norm and inner)))
        if norm and (inner or last_norm):
            layers.append(nn.BatchNorm1d(after))
        if inner:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def blocks(width: int, depth: int) -> Any:
    """Return `depth` pre-norm transformer blocks and a final LayerNorm."""
    layer = [
        nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        for _ in range(depth)
    ]
    return nn.Sequential(*layer, nn.LayerNorm(width))


def patches(images: Any, side: int) -> Any:
    """Cut (n, 1, 16, 16) into (n, tokens, side * side)."""
    count, across = len(images), SIDE // side
    cut = images.view(count, across, side, across, side).permute(0, 1, 3, 2, 4)
    return cut.reshape(count, across * across, side * side)


class VisionTransformer(nn.Module):  # type: ignore[misc]
    """Two blocks over patches; pooled by the mean of the tokens."""

    width = 64

    def __init__(self, side: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.side = side
        self.tokens = (SIDE // side) ** 2
        self.embed = nn.Linear(side * side, self.width)
        self.position = nn.Parameter(0.2 * torch.randn(1, self.tokens, self.width))
        self.blocks = blocks(self.width, depth)

    def encode(self, images: Any, keep: Any = None) -> Any:
        """Return tokens (n, t, width), of the patches `keep` (n, t) when given."""
        tokens = self.embed(patches(images, self.side)) + self.position
        return self.blocks(tokens if keep is None else pick(tokens, keep))

    def forward(self, images: Any) -> Any:
        """Return (n, width)."""
        return self.encode(images).mean(dim=1)


def pick(tokens: Any, rows: Any) -> Any:
    """Return the tokens (n, t, d) at the places `rows` (n, k), as (n, k, d)."""
    return torch.gather(tokens, 1, rows[:, :, None].expand(-1, -1, tokens.shape[2]))


def frozen_copy(module: Any) -> Any:
    """Return a copy that takes no gradient: the teacher at the start."""
    teacher = copy.deepcopy(module)
    teacher.requires_grad_(False)
    return teacher


def move_average(teacher: Any, student: Any, momentum: float) -> None:
    """Move the teacher's weights towards the student's; its buffers are copied."""
    with torch.no_grad():
        for kept, new in zip(teacher.parameters(), student.parameters(), strict=True):
            kept.mul_(momentum).add_(new, alpha=1 - momentum)
        for kept, new in zip(teacher.buffers(), student.buffers(), strict=True):
            kept.copy_(new)
