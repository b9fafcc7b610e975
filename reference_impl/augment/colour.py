"""Brightness, contrast, saturation, hue and grayscale as one 3 x 3 matrix an image.

All five are linear in the colour, so their product is taken once and applied in one matrix
product; contrast alone also shifts by the image's mean grey, which every later part keeps.
"""

from __future__ import annotations

import math
from functools import cache

import torch

from reference_impl.augment.policy import Policy
from reference_impl.shapes import Float, Tensor

_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""Luma and two chroma axes (NTSC): turning the last two is a change of hue."""


def colour_matrices(
    draws: Float[Tensor, "n 6"], policy: Policy
) -> tuple[Float[Tensor, "n 3 3"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return each image's matrix, its brightness factor and its contrast factor.

    Draws: whether to jitter, brightness, contrast, saturation, hue, whether to drop the colour.
    """
    jittered = draws[:, 0] < policy.jitter

    def factor(place: int, range_: float) -> Tensor:
        drawn = 1 + range_ * (2 * draws[:, place] - 1)
        return torch.where(jittered, drawn, torch.ones_like(drawn)).clamp_min(0.0)

    brightness, contrast = factor(1, policy.brightness), factor(2, policy.contrast)
    saturation = factor(3, policy.saturation)
    saturation = torch.where(draws[:, 5] < policy.gray, 0.0 * saturation, saturation)
    turn = torch.where(jittered, (2 * draws[:, 4] - 1) * policy.hue * 2 * math.pi, 0.0 * saturation)
    keep, along, across = _hue_parts(draws.device)
    # Saturation scales both chroma axes, which commutes with turning them.
    chroma = torch.cos(turn)[:, None, None] * along + torch.sin(turn)[:, None, None] * across
    matrix = keep + saturation[:, None, None] * chroma
    return matrix * (brightness * contrast)[:, None, None], brightness, contrast


@cache
def _hue_parts(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices that keep luma, keep chroma, and turn chroma by a right angle.

    Made once: a constant sent to a GPU at every step would hold the step up.
    """
    to_yiq = torch.tensor(_YIQ, dtype=torch.float64)
    back = torch.linalg.inv(to_yiq)
    turned = torch.stack([torch.zeros_like(to_yiq[0]), -to_yiq[2], to_yiq[1]])
    luma = back[:, :1] @ to_yiq[:1]
    parts = (luma, torch.eye(3, dtype=torch.float64) - luma, back @ turned)
    keep, along, across = (part.float().to(device) for part in parts)
    return keep, along, across


@cache
def _luma(device: torch.device) -> Tensor:
    return torch.tensor(_YIQ[0], device=device)


def recoloured(
    images: Float[Tensor, "n channels side side"],
    matrices: tuple[Tensor, Tensor, Tensor],
    policy: Policy,
) -> Float[Tensor, "n channels side side"]:
    """Return the images in their new colours, clamped to between 0 and 1.

    Images of one channel have no colour: brightness and contrast alone apply.
    """
    if not policy.jitter and not policy.gray:
        return images
    matrix, brightness, contrast = matrices
    flat = images.flatten(2)
    if images.shape[1] == 1:
        scaled = flat * (brightness * contrast)[:, None, None]
        mean = flat.mean(dim=(1, 2)) * brightness
    else:
        scaled = matrix @ flat
        mean = flat.mean(dim=2) @ _luma(images.device) * brightness
    shifted = scaled + ((1 - contrast) * mean)[:, None, None]
    return shifted.clamp(0, 1).view_as(images)
