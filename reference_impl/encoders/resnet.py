"""ResNet-18 and ResNet-50 (He et al., arXiv:1512.03385), with the stem that small images need.

Up to 64 pixels the first convolution is 3 x 3 with stride 1 and there is no max pooling: the
`cifar_stem` of SimCLR's code (google-research/simclr at 383d414, resnet.py). As there, the stride
of a bottleneck sits on its 3 x 3 convolution, and the last norm of a block starts at zero, so
that blocks start as identities.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn import functional

from reference_impl.shapes import Float, Tensor

SMALL = 64
"""Largest side in pixels that gets the small stem."""

STAGES = (64, 128, 256, 512)


def _normed(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


class Block(nn.Module):
    """A residual block: two 3 x 3 convolutions, or a bottleneck of 1 x 1, 3 x 3 and 1 x 1."""

    def __init__(self, before: int, inner: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        after = inner * 4 if bottleneck else inner
        if bottleneck:
            self.parts = nn.ModuleList(
                [
                    _normed(before, inner, 1),
                    _normed(inner, inner, 3, stride),
                    _normed(inner, after, 1),
                ]
            )
        else:
            self.parts = nn.ModuleList(
                [_normed(before, inner, 3, stride), _normed(inner, after, 3)]
            )
        nn.init.zeros_(self.parts[-1][1].weight)
        same = stride == 1 and before == after
        self.shortcut = nn.Identity() if same else _normed(before, after, 1, stride)
        self.width = after

    def forward(self, images: Tensor) -> Tensor:
        *inner, last = self.parts
        residual = images
        for part in inner:
            residual = functional.relu(part(residual), inplace=True)
        return functional.relu(self.shortcut(images) + last(residual), inplace=True)


class ResNet(nn.Module):
    """A stem, four stages of blocks, and the mean over positions."""

    def __init__(self, channels: int, side: int, depths: Sequence[int], *, bottleneck: bool):
        super().__init__()
        if side <= SMALL:
            stem = [_normed(channels, STAGES[0], 3), nn.ReLU(inplace=True)]
        else:
            stem = [
                _normed(channels, STAGES[0], 7, 2),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(3, 2, 1),
            ]
        self.stem = nn.Sequential(*stem)
        blocks: list[nn.Module] = []
        self.width = STAGES[0]
        for stage, (inner, depth) in enumerate(zip(STAGES, depths, strict=True)):
            for place in range(depth):
                stride = 2 if stage and not place else 1
                block = Block(self.width, inner, stride, bottleneck=bottleneck)
                blocks.append(block)
                self.width = block.width
        self.blocks = nn.Sequential(*blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Return one feature vector per image."""
        return self.blocks(self.stem(images)).mean(dim=(2, 3))


def resnet18(channels: int, side: int) -> ResNet:
    """Return a new ResNet-18 of width 512."""
    return ResNet(channels, side, (2, 2, 2, 2), bottleneck=False)


def resnet50(channels: int, side: int) -> ResNet:
    """Return a new ResNet-50 of width 2048."""
    return ResNet(channels, side, (3, 4, 6, 3), bottleneck=True)
