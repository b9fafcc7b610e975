"""One random view of every image of a batch.

Differs from the usual per-image code in ways that do not matter for training and save most of
its time: the parts of colour jitter come in a fixed order and are clamped once at the end, hue
turns in YIQ instead of HSV, and a crop that would leave the image is made narrower rather than
drawn again.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from reference_impl.augment.colour import colour_matrices, recoloured
from reference_impl.augment.policy import Policy
from reference_impl.shapes import Float, Int, Tensor

DRAWS = 16
"""Uniform numbers that a view takes: twelve for its parts, four for the colour."""

_BLUR_SIDE = 224
"""Images of this side are what `blur_sigma` counts its pixels in."""


def view(
    pixels: Int[Tensor, "n channels side side"],
    policy: Policy,
    generator: torch.Generator,
    side: int | None = None,
) -> Float[Tensor, "n channels out out"]:
    """Return a random view of each image, bytes in and values between 0 and 1 out.

    `side` is that of the views, the images' own by default. `generator` must be on their device.
    """
    return render(pixels, draw(len(pixels), generator), policy, side)


def draw(count: int, generator: torch.Generator) -> Float[Tensor, "n draws"]:
    """Return the random numbers of `count` views, between 0 and 1."""
    return torch.rand(count, DRAWS, generator=generator, device=generator.device)


def render(
    pixels: Int[Tensor, "n channels side side"],
    draws: Float[Tensor, "n draws"],
    policy: Policy,
    side: int | None = None,
) -> Float[Tensor, "n channels out out"]:
    """Return the views that `draws` stand for; the same draws give the same views."""
    images = _cropped(pixels.float() / 255.0, draws[:, :6], policy, side or pixels.shape[-1])
    images = recoloured(images, colour_matrices(draws[:, 6:12], policy), policy)
    if policy.blur:
        images = _blurred(images, draws[:, 13:15], policy)
    if policy.solarise:
        chosen = (draws[:, 12] < policy.solarise)[:, None, None, None]
        images = torch.where(chosen & (images >= 0.5), 1.0 - images, images)
    return images


def _between(draws: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draws


def _cropped(images: Tensor, draws: Tensor, policy: Policy, side: int) -> Tensor:
    """Crop, flip and rotate in one affine grid, bilinear."""
    area = _between(draws[:, 0], *policy.crop_area)
    low, high = policy.crop_ratio
    ratio = torch.exp(_between(draws[:, 1], math.log(low), math.log(high)))
    largest = max(1.0, math.sqrt(policy.crop_area[1]))
    width = torch.sqrt(area * ratio).clamp_max(largest)
    height = torch.sqrt(area / ratio).clamp_max(largest)
    x = (2 * draws[:, 2] - 1) * (1 - width)
    y = (2 * draws[:, 3] - 1) * (1 - height)
    angle = (2 * draws[:, 4] - 1) * math.radians(policy.rotate)
    mirrored = torch.where(draws[:, 5] < policy.flip, -width, width)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    rows = [mirrored * cosine, -height * sine, x, mirrored * sine, height * cosine, y]
    theta = torch.stack(rows, dim=1).view(-1, 2, 3)
    size = [len(images), images.shape[1], side, side]
    grid = functional.affine_grid(theta, size, align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _blurred(images: Tensor, draws: Tensor, policy: Policy) -> Tensor:
    """Blur with a Gaussian of random width: a matrix for the rows and the same for the columns.

    Weights are normalised at the border instead of reflecting the image.
    """
    side = images.shape[-1]
    sigma = _between(draws[:, 1], *policy.blur_sigma) * (side / _BLUR_SIDE)
    # A width of zero pixels leaves the unit matrix: the image stays as it is.
    sigma = torch.where(draws[:, 0] < policy.blur, sigma, sigma.new_zeros(())).clamp_min(1e-2)
    place = torch.arange(side, device=images.device)
    distance = (place[:, None] - place[None, :]).square()
    weights = torch.exp(-distance / (2 * sigma.square())[:, None, None])
    weights = (weights / weights.sum(dim=2, keepdim=True)).transpose(1, 2)
    count, channels = images.shape[:2]
    rows = (images.flatten(1, 2) @ weights).view(images.shape).transpose(2, 3)
    columns = rows.reshape(count, channels * side, side) @ weights
    return columns.view(images.shape).transpose(2, 3)
