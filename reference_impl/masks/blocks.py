"""Context and target blocks of patches, as I-JEPA draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch

from reference_impl.ema import linear_to
from reference_impl.masks.rectangles import rectangles
from reference_impl.shapes import Bool, Int, Tensor

Sampling = Literal["official", "paper"]


class Masks(NamedTuple):
    """Indices of patches: what the context encoder sees, and the blocks to predict."""

    context: Int[Tensor, "images context"]
    targets: Int[Tensor, "images blocks target"]


@dataclass(frozen=True)
class MaskConfig:
    """How blocks are drawn: sizes are shares of the grid, aspect is height over width.

    The size of blocks is drawn once for a batch, their places for each image. `min_keep` patches
    at most are too few for a context.

    `sampling` "official" (src/masks/multiblock.py at 52c1ae9, copied by lightly): one random
    number gives both area and aspect of the targets; no block touches the last row or column,
    and at scales from 0.85 the context lies in the top left corner; contexts are cut to the
    smallest of the batch by dropping their last patches, at the bottom of the image. "paper"
    (arXiv:2301.08243 appendix A.1 read literally): area and aspect independent, all places
    possible, contexts cut at random.
    """

    targets: int = 4
    target_scale: tuple[float, float] = (0.15, 0.2)
    target_aspect: tuple[float, float] = (0.75, 1.5)
    context_scale: tuple[float, float] = (0.85, 1.0)
    min_keep: int = 10
    sampling: Sampling = "official"


def draw_masks(
    images: int, grid: tuple[int, int], config: MaskConfig, sizes: torch.Generator
) -> Masks:
    """Return context and target patches of a batch, on the CPU.

    `sizes` draws the block sizes; processes that seed it alike draw blocks of one size. Places
    come from torch's global generator. ValueError if a context block can never keep enough.
    """
    height, width = _block_size(grid, config.target_scale, config.target_aspect, config, sizes)
    context_size = _block_size(grid, config.context_scale, (1.0, 1.0), config, sizes)
    if context_size[0] * context_size[1] <= config.min_keep:
        raise ValueError(
            f"a context block of {context_size[0]} x {context_size[1]} patches cannot keep more "
            f"than min_keep = {config.min_keep}; lower min_keep or use smaller patches"
        )
    top, left = _places((images, config.targets), grid, (height, width), config)
    inside = torch.arange(height)[:, None] * grid[1] + torch.arange(width)
    targets = (top * grid[1] + left)[..., None] + inside.flatten()
    blocks = rectangles(top, left, height, width, grid)
    return Masks(_cut(_contexts(blocks, context_size, config), config), targets)


def _block_size(
    grid: tuple[int, int],
    scale: tuple[float, float],
    aspect: tuple[float, float],
    config: MaskConfig,
    sizes: torch.Generator,
) -> tuple[int, int]:
    """Return rows and columns of a block; the official sampler stays one short of the grid."""
    drawn = torch.rand(2, generator=sizes).tolist()
    official = config.sampling == "official"
    area = int(grid[0] * grid[1] * linear_to(*scale, drawn[0]))
    stretch = linear_to(*aspect, drawn[0 if official else 1])
    limit = [side - 1 if official else side for side in grid]
    rows, columns = round((area * stretch) ** 0.5), round((area / stretch) ** 0.5)
    return max(1, min(rows, limit[0])), max(1, min(columns, limit[1]))


def _places(
    shape: tuple[int, ...], grid: tuple[int, int], size: tuple[int, int], config: MaskConfig
) -> tuple[Tensor, Tensor]:
    spare = 0 if config.sampling == "official" else 1
    top, left = (
        torch.randint(max(side - block + spare, 1), shape)
        for side, block in zip(grid, size, strict=True)
    )
    return top, left


_TRIES = 20
"""Places tried for a context before a target is allowed to overlap it (multiblock.py#L85)."""


def _contexts(
    blocks: Bool[Tensor, "images blocks rows columns"], size: tuple[int, int], config: MaskConfig
) -> Bool[Tensor, "images patches"]:
    """Return context blocks without the target blocks, each of more than `min_keep` patches."""
    images, count, *grid = blocks.shape
    contexts = torch.zeros(images, grid[0] * grid[1], dtype=torch.bool)
    missing = torch.arange(images)
    for kept_out in range(count, -1, -1):
        free = ~blocks[:, :kept_out].any(dim=1)
        for _ in range(_TRIES):
            place = _places((len(missing),), (grid[0], grid[1]), size, config)
            drawn = rectangles(*place, *size, (grid[0], grid[1])) & free[missing]
            contexts[missing] = drawn.flatten(1)
            missing = missing[contexts[missing].sum(dim=1) <= config.min_keep]
            if not len(missing):
                return contexts
    return contexts


def _cut(contexts: Bool[Tensor, "images patches"], config: MaskConfig) -> Tensor:
    """Return indices of as many context patches for every image as the poorest one has."""
    order = torch.arange(contexts.shape[1]).expand(contexts.shape).float()
    if config.sampling == "paper":
        order = torch.rand(contexts.shape)
    behind = order.masked_fill(~contexts, torch.inf)
    return behind.argsort(dim=1, stable=True)[:, : int(contexts.sum(dim=1).min())]
