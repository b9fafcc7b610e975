"""A convolutional encoder of fifty thousand weights, for runs on CPU cores."""

from __future__ import annotations

from torch import nn

from reference_impl.shapes import Float, Tensor

WIDTHS = (24, 48, 96)
KERNELS = (5, 3, 3)
"""Channels and kernels of the three stages, each of which halves the resolution. A choice: with
200 updates of SimCLR on digits, 0.915 by nearest neighbours against 0.908 of widths 32, 64, 128
with kernels of 3, at two thirds of the time."""


class SmallCNN(nn.Module):
    """Convolutions with BatchNorm and ReLU, then the mean over positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for width, kernel in zip(WIDTHS, KERNELS, strict=True):
            layers += [
                nn.Conv2d(before, width, kernel, stride=2, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.layers = nn.Sequential(*layers)
        self.width = before

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return one feature vector per image."""
        return self.layers(images).mean(dim=(2, 3))


def small_cnn(channels: int, side: int) -> SmallCNN:
    """Return a new encoder of width 96; any `side` does."""
    del side
    return SmallCNN(channels)
