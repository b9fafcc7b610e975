"""Vision transformers that can leave patches out, for masked methods, at any image size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from reference_impl.shapes import Bool, Float, Int, Tensor

Positions = Literal["learned", "sincos"]
Pooling = Literal["class", "mean"]
Init = Literal["truncated", "xavier"]

NORM_EPS = 1e-6
"""Epsilon of every LayerNorm (facebookresearch/dino@7c446df vision_transformer.py#L239 and
facebookresearch/mae@efb2a80 models_mae.py#L227; PyTorch's own default is 1e-5)."""

_INIT_STD = 0.02
"""Deviation of truncated-normal weights (dino@7c446df vision_transformer.py#L167)."""


class DropPath(nn.Module):
    """Stochastic depth: leave a residual branch out for a random share of the images."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Float[Tensor, "batch tokens width"]) -> Tensor:
        """Return the branch, zeroed for `rate` of the images and scaled up for the others."""
        if not self.rate or not self.training:
            return branch
        keep = 1.0 - self.rate
        drawn = torch.rand(branch.shape[0], 1, 1, device=branch.device) < keep
        return branch * (drawn.to(branch.dtype) / keep)


class Attention(nn.Module):
    """Multi-head self-attention through PyTorch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of the {heads} heads")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Tensor:
        """Return what every token gathers from all tokens, same shape."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, tokens, width/heads)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, count, width))


class Block(nn.Module):
    """A transformer block that normalises before attention and before its MLP."""

    def __init__(
        self, width: int, heads: int, mlp_ratio: float = 4.0, drop_path: float = 0.0
    ) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm_attention = nn.LayerNorm(width, eps=NORM_EPS)
        self.attention = Attention(width, heads)
        self.norm_mlp = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Tensor:
        """Return the tokens after attention and MLP, same shape."""
        tokens = tokens + self.drop_path(self.attention(self.norm_attention(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm_mlp(tokens)))


class VisionTransformer(nn.Module):
    """A ViT (arXiv:2010.11929) over square patches.

    Images may have another size than `image_size`: positions are then interpolated bicubically,
    as DINO's small crops need. Both sides must be multiples of the patch size. `width` is the
    width of its features; `pooling` says whether these are the class token's output or the mean
    over the patches' outputs.
    """

    def __init__(
        self,
        *,
        image_size: int = 224,
        patch_size: int = 16,
        channels: int = 3,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
        mlp_ratio: float = 4.0,
        class_token: bool = True,
        positions: Positions = "sincos",
        pooling: Pooling = "class",
        drop_path: float = 0.0,
        init: Init = "truncated",
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image size {image_size} is not a multiple of patch {patch_size}")
        self.width, self.heads = width, heads
        self.patch_size, self.channels = patch_size, channels
        self.grid = image_size // patch_size
        self.patch_embedding = nn.Conv2d(channels, width, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width)) if class_token else None
        table = sincos_positions(self.grid, width)
        if positions == "learned":
            table = nn.init.trunc_normal_(torch.empty_like(table), std=_INIT_STD)
        self.positions = nn.Parameter(table, requires_grad=positions == "learned")
        rates = torch.linspace(0.0, drop_path, depth).tolist()
        self.blocks = nn.Sequential(*[Block(width, heads, mlp_ratio, rate) for rate in rates])
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.use_pooling(pooling)
        self._initialise(init)

    def _initialise(self, init: Init) -> None:
        if self.class_token is not None:
            nn.init.trunc_normal_(self.class_token, std=_INIT_STD)
        initialise(self, init)
        # As a Linear over the pixels of a patch: Conv2d's own init looks at each pixel alone.
        nn.init.xavier_uniform_(self.patch_embedding.weight.view(self.width, -1))
        nn.init.zeros_(self.patch_embedding.bias)

    def use_pooling(self, pooling: Pooling) -> None:
        """Choose what the features are; ValueError for a class token that is not there."""
        if pooling == "class" and self.class_token is None:
            raise ValueError('pooling "class" needs a class token; use pooling="mean"')
        self.pooling = pooling

    @property
    def prefix(self) -> int:
        """Return how many tokens stand before the patches: 1 with a class token, else 0."""
        return 0 if self.class_token is None else 1

    def grid_of(self, images: Float[Tensor, "batch channels height width"]) -> tuple[int, int]:
        """Return rows and columns of patches; ValueError if the patches do not fit."""
        height, width = images.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f"images of {height} x {width} do not divide into patches of {self.patch_size}"
            )
        return height // self.patch_size, width // self.patch_size

    def tokens(
        self,
        images: Float[Tensor, "batch channels height width"],
        keep: Int[Tensor, "batch kept"] | None = None,
        *,
        hide: Bool[Tensor, "batch patches"] | None = None,
        mask_token: Float[Tensor, " width"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Return the normalised output tokens: class token (if any), then patches.

        With `keep`, only the patches of these indices are computed, in that order (MAE, I-JEPA).
        With `hide`, the embeddings of the marked patches are replaced by `mask_token` before
        their position is added, and all patches are computed (iBOT).
        """
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)
        if hide is not None:
            if mask_token is None:
                raise ValueError("hidden patches need a mask_token to stand in for them")
            patches = torch.where(hide[..., None], mask_token.to(patches.dtype), patches)
        patches = patches + self._positions_for(self.grid_of(images)).to(patches.dtype)
        if keep is not None:
            patches = take(patches, keep)
        if self.class_token is not None:
            first = self.class_token.expand(patches.shape[0], -1, -1).to(patches.dtype)
            patches = torch.cat((first, patches), dim=1)
        return self.norm(self.blocks(patches))

    def pool(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch width"]:
        """Return the features that the output tokens stand for."""
        return tokens[:, 0] if self.pooling == "class" else tokens[:, self.prefix :].mean(dim=1)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Return features, (batch, width)."""
        return self.pool(self.tokens(images))

    def _positions_for(self, grid: tuple[int, int]) -> Float[Tensor, "1 patches width"]:
        if grid == (self.grid, self.grid):
            return self.positions
        table = self.positions.view(1, self.grid, self.grid, self.width).permute(0, 3, 1, 2)
        table = functional.interpolate(table, size=grid, mode="bicubic", align_corners=False)
        return table.flatten(2).transpose(1, 2)


def take(
    tokens: Float[Tensor, "batch tokens width"], index: Int[Tensor, "batch kept"]
) -> Float[Tensor, "batch kept width"]:
    """Return the tokens of each image at `index`."""
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))


def sincos_positions(grid: int, width: int) -> Float[Tensor, "1 patches width"]:
    """Return fixed positions: sines and cosines of the column, then of the row.

    Frequencies fall from 1 to 1/10,000 (facebookresearch/mae@efb2a80 util/pos_embed.py#L20-L67).
    """
    if width % 4:
        raise ValueError(f"fixed positions need a width that is a multiple of 4, found {width}")
    quarter = width // 4
    frequency = 10_000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [place.flatten()[:, None] * frequency for place in (column, row)]
    waves = [wave for angle in angles for wave in (angle.sin(), angle.cos())]
    return torch.cat(waves, dim=1).float()[None]


def initialise(module: nn.Module, init: Init) -> None:
    """Set all linear layers of `module`: truncated normal (DINO, I-JEPA) or Xavier (MAE).

    Sources: dino@7c446df vision_transformer.py#L165-L172, mae@efb2a80 models_mae.py#L85-L93.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            if init == "xavier":
                nn.init.xavier_uniform_(layer.weight)
            else:
                nn.init.trunc_normal_(layer.weight, std=_INIT_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def without_drop_path(module: nn.Module) -> None:
    """Switch stochastic depth off for good, as teachers want it."""
    for layer in module.modules():
        if isinstance(layer, DropPath):
            layer.rate = 0.0


def needs_patches(encoder: nn.Module, method: str) -> VisionTransformer:
    """Return `encoder` as the vision transformer that a masked method needs; TypeError if not."""
    if not isinstance(encoder, VisionTransformer):
        raise TypeError(
            f"{method} leaves patches out and needs a VisionTransformer, "
            f"found {type(encoder).__name__}; use vit_mini, vit_tiny or vit_small"
        )
    return encoder


def vit_mini(channels: int, side: int, **changes: Any) -> VisionTransformer:
    """Return a ViT for small images on a CPU: width 96, 4 blocks, 3 heads, 0.45 M parameters."""
    return _vit(channels, side, {"width": 96, "depth": 4, "heads": 3, "init": "xavier"}, changes)


def vit_tiny(channels: int, side: int, **changes: Any) -> VisionTransformer:
    """Return ViT-Ti: width 192, 12 blocks, 3 heads, 5.5 M parameters."""
    return _vit(channels, side, {"width": 192, "depth": 12, "heads": 3}, changes)


def vit_small(channels: int, side: int, **changes: Any) -> VisionTransformer:
    """Return ViT-S: width 384, 12 blocks, 6 heads, 21.7 M parameters."""
    return _vit(channels, side, {"width": 384, "depth": 12, "heads": 6}, changes)


_SMALL_SIDE = 64
"""Images up to this size get patches of 4 pixels, larger ones of 16: a choice, which leaves 49 to
256 patches at 28 to 64 pixels and 196 at 224."""


def _vit(
    channels: int, side: int, size: Mapping[str, Any], changes: Mapping[str, Any]
) -> VisionTransformer:
    patch = 4 if side <= _SMALL_SIDE else 16
    settings = {"image_size": side, "channels": channels, "patch_size": patch, **size, **changes}
    return VisionTransformer(**settings)
