"""Features of whole images by a frozen encoder."""

from __future__ import annotations

from typing import Any

import torch

from reference_impl.data import Images, Split
from reference_impl.shapes import Float, Tensor

_CHUNK = 512


@torch.no_grad()  # type: ignore[untyped-decorator, unused-ignore]
def features(encoder: Any, images: Images, split: Split) -> Float[Tensor, "n width"]:
    """Return the encoder's float32 features of a split, in evaluation mode, without augmentation.

    The encoder's mode is put back afterwards.
    """
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        chunks = [
            encoder(images.normalised(split.pixels[start : start + _CHUNK])).float()
            for start in range(0, len(split), _CHUNK)
        ]
    finally:
        for module, mode in modes.items():
            module.training = mode
    return torch.cat(chunks)
