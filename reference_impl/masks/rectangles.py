"""Rectangles of patches: drawn for a whole batch at once, on the CPU.

Masks are made where their number is known without asking a GPU; the generator is torch's global
one, whose state checkpoints carry.
"""

from __future__ import annotations

import math

import torch

from reference_impl.shapes import Bool, Int, Tensor


def rectangles(
    top: Int[Tensor, "*blocks"],
    left: Int[Tensor, "*blocks"],
    height: Int[Tensor, "*blocks"] | int,
    width: Int[Tensor, "*blocks"] | int,
    grid: tuple[int, int],
) -> Bool[Tensor, "*blocks rows columns"]:
    """Return grids that are True inside each rectangle."""
    row = torch.arange(grid[0])[:, None]
    column = torch.arange(grid[1])
    top, left = top[..., None, None], left[..., None, None]
    bottom = top + (height[..., None, None] if isinstance(height, Tensor) else height)
    right = left + (width[..., None, None] if isinstance(width, Tensor) else width)
    return (row >= top) & (row < bottom) & (column >= left) & (column < right)


def random_rectangles(
    images: int,
    grid: tuple[int, int],
    share: tuple[float, float],
    probability: float,
    aspect: float = 0.3,
) -> Bool[Tensor, "images patches"]:
    """Return one random rectangle per image, none with probability 1 - `probability`.

    Its area is uniform in `share` of the grid, the logarithm of its aspect ratio in
    +-ln(`aspect`). DINOv2 draws the same shapes (dinov2/data/masking.py#L49-L71 at b8931f7) but
    adds rectangles, a Python loop for each image, until the area is reached.
    """
    rows, columns = grid
    area = rows * columns * torch.empty(images).uniform_(*share)
    stretch = torch.empty(images).uniform_(math.log(aspect), -math.log(aspect)).exp()
    height = (area * stretch).sqrt().round().long().clamp(1, rows)
    width = (area / stretch).sqrt().round().long().clamp(1, columns)
    top = (torch.rand(images) * (rows - height + 1)).long()
    left = (torch.rand(images) * (columns - width + 1)).long()
    drawn = rectangles(top, left, height, width, grid).flatten(1)
    return drawn & (torch.rand(images, 1) < probability)
