"""A small transformer that turns a caption's tokens into one vector."""

from __future__ import annotations

import torch
from torch import nn

from reference_impl.encoders.vit import NORM_EPS, Block
from reference_impl.shapes import Float, Int, Tensor

_HEAD_WIDTH = 64
"""Width of an attention head (CLIP: 512 over 8, openai/CLIP@d05afc43 clip/model.py#L422)."""


class TextTransformer(nn.Module):
    """Token and position embeddings, transformer blocks, and the mean over the caption.

    CLIP's own text tower attends to earlier tokens only and reads out the end-of-text token;
    short captions without padding need neither. `width` is that of the output.
    """

    def __init__(self, vocabulary: int, context: int, width: int, depth: int) -> None:
        super().__init__()
        self.width = width
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.zeros(context, width))
        # As CLIP's (clip/model.py#L299-L300): small, so that the first logits are the scale's own.
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.01)
        heads = max(1, width // _HEAD_WIDTH)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)

    def forward(self, texts: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch width"]:
        """Return one vector per caption; ValueError when captions are longer than the context."""
        if texts.shape[1] > len(self.positions):
            raise ValueError(
                f"captions of {texts.shape[1]} tokens do not fit a context of {len(self.positions)}"
            )
        embedded = self.tokens(texts) + self.positions[: texts.shape[1]]
        pooled: Tensor = self.norm(self.blocks(embedded)).mean(dim=1)
        return pooled
