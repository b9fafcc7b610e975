"""Images with known factors: one coloured, textured shape on a grey ground, rendered at once.

Shape, texture, hue, angle, size and position are drawn independently, so that a probe can tell
which factor a representation has kept and which it has lost.
"""

from __future__ import annotations

import math

import torch

from reference_impl.data.images import Images, Split, check_room
from reference_impl.shapes import Float, Tensor

SHAPES = ("disc", "square", "triangle", "cross", "ring", "bar")
TEXTURES = ("plain", "stripes", "checks", "dots")
HUES = 8
SIZES = 3
"""Bins of the continuous factors in captions."""

VOCABULARY = len(SHAPES) + len(TEXTURES) + HUES + SIZES
_SIZE = (0.45, 0.85)
"""Half the shape's extent, where 1 is half the image: seen at 32 pixels, and never cut off by
much. A choice."""

_WAVES = 2.5
"""Periods of a texture over the shape: 3 pixels each at the smallest size. A choice."""

_CHUNK = 4096 * 32 * 32
"""Pixels rendered at once: about 200 MB."""


def procedural(count: int, side: int, device: str, seed: int = 0) -> Images:
    """Return `count` training images and a quarter as many held out, RGB of `side` pixels.

    Labels are the shape. Factors: `shape`, `texture` (int64), `hue` (0 to 1), `angle` (radians),
    `size`, `x`, `y` (image units, -1 to 1). Captions have four tokens: shape, texture, hue in
    eighths, size in thirds. Factors are drawn on the CPU and are the same on every device.
    """
    check_room(count + count // 4, side, 3, "procedural")
    train = _split(count, side, device, 2 * seed)
    test = _split(max(count // 4, 1), side, device, 2 * seed + 1)
    return Images.from_splits("procedural", train, test, classes=len(SHAPES), vocabulary=VOCABULARY)


def _split(count: int, side: int, device: str, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)
    factors = {
        "shape": torch.randint(len(SHAPES), (count,), generator=generator),
        "texture": torch.randint(len(TEXTURES), (count,), generator=generator),
        "hue": torch.rand(count, generator=generator),
        "angle": torch.rand(count, generator=generator) * 2 * math.pi,
        "size": _SIZE[0] + (_SIZE[1] - _SIZE[0]) * torch.rand(count, generator=generator),
        "x": 0.4 * torch.rand(count, generator=generator) - 0.2,
        "y": 0.4 * torch.rand(count, generator=generator) - 0.2,
        "ground": 0.15 + 0.35 * torch.rand(count, generator=generator),
    }
    factors = {name: factor.to(device) for name, factor in factors.items()}
    rows = max(1, _CHUNK // side**2)
    chunks = [
        _bytes(render({name: one[start : start + rows] for name, one in factors.items()}, side))
        for start in range(0, count, rows)
    ]
    return Split(torch.cat(chunks), factors["shape"], captions(factors), factors)


def _bytes(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)


def captions(factors: dict[str, Tensor]) -> Tensor:
    """Return the tokens (n, 4) that describe images with these factors."""
    share = (factors["size"] - _SIZE[0]) / (_SIZE[1] - _SIZE[0])
    hue = (factors["hue"] * HUES).long().clamp(max=HUES - 1)
    size = (share * SIZES).long().clamp(max=SIZES - 1)
    first_hue = len(SHAPES) + len(TEXTURES)
    return torch.stack(
        [
            factors["shape"],
            factors["texture"] + len(SHAPES),
            hue + first_hue,
            size + first_hue + HUES,
        ],
        dim=1,
    )


def render(factors: dict[str, Tensor], side: int) -> Float[Tensor, "n 3 side side"]:
    """Return images between 0 and 1 of the given factors, (n,) each; edges are one pixel soft."""
    device = factors["hue"].device
    line = (torch.arange(side, device=device) + 0.5) * (2 / side) - 1
    y, x = torch.meshgrid(line, line, indexing="ij")

    def wide(name: str) -> Tensor:
        return factors[name][:, None, None]

    cosine, sine = torch.cos(wide("angle")), torch.sin(wide("angle"))
    u = ((x - wide("x")) * cosine + (y - wide("y")) * sine) / wide("size")
    v = ((y - wide("y")) * cosine - (x - wide("x")) * sine) / wide("size")
    distance = _distance(u, v, wide("shape")) * wide("size")
    inside = (0.5 - distance * side / 2).clamp(0, 1)
    shade = 0.55 + 0.45 * _texture(u, v, wide("texture"))
    colour = _rgb(factors["hue"])[:, :, None, None]
    return torch.lerp(wide("ground")[:, None], colour * shade[:, None], inside[:, None])


def _distance(u: Tensor, v: Tensor, shape: Tensor) -> Tensor:
    """Return how far points lie outside each image's shape, negative inside, in shape units."""
    radius = torch.sqrt(u * u + v * v)
    across, along = u.abs(), v.abs()
    candidates = (
        radius - 0.8,
        torch.maximum(across, along) - 0.7,
        torch.maximum(across * math.sqrt(3) / 2 + v / 2, -v) - 0.45,
        torch.minimum(
            torch.maximum(across - 0.28, along - 0.85), torch.maximum(across - 0.85, along - 0.28)
        ),
        (radius - 0.6).abs() - 0.22,
        torch.maximum(across - 0.3, along - 0.9),
    )
    return torch.stack(candidates).gather(0, shape.expand_as(u)[None])[0]


def _texture(u: Tensor, v: Tensor, texture: Tensor) -> Tensor:
    """Return the brightness pattern of each image's texture, -1 to 1."""
    wave = math.pi * _WAVES
    first, second = torch.sin(wave * u), torch.sin(wave * v)
    candidates = (
        torch.ones_like(u),
        torch.sign(first),
        torch.sign(first * second),
        torch.sign(first.abs() * second.abs() - 0.4),
    )
    return torch.stack(candidates).gather(0, texture.expand_as(u)[None])[0]


def _rgb(hue: Tensor) -> Tensor:
    """Return colours (n, 3) of full value and nine tenths saturation."""
    phase = torch.tensor([0.0, 2 / 3, 1 / 3], device=hue.device)
    distance = ((hue[:, None] + phase) % 1.0 * 6 - 3).abs() - 1
    return 1 - 0.9 * (1 - distance.clamp(0, 1))
