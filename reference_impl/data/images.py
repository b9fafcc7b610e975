"""What a data set is: bytes, labels, captions and known factors, on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from kb.errors import UsageError
from reference_impl.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class Split:
    """Some images. `pixels` (n, channels, side, side) are bytes, `labels` (n,) int64; `texts`
    (n, tokens) int64 are captions; `factors` are what an image was rendered from, (n,) each."""

    pixels: Int[Tensor, "n channels side side"]
    labels: Int[Tensor, " n"]
    texts: Int[Tensor, "n tokens"]
    factors: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, rows: Tensor | slice) -> Split:
        """Return the images at `rows`."""
        return Split(
            self.pixels[rows],
            self.labels[rows],
            self.texts[rows],
            {name: factor[rows] for name, factor in self.factors.items()},
        )

    def head(self, count: int) -> Split:
        """Return the first `count` images; UsageError when there are fewer."""
        if not 0 < count <= len(self):
            raise UsageError(f"{count} images asked for, there are {len(self)}")
        return self.at(slice(0, count))

    def to(self, device: str) -> Split:
        """Return the same on `device`."""
        return Split(
            self.pixels.to(device),
            self.labels.to(device),
            self.texts.to(device),
            {name: factor.to(device) for name, factor in self.factors.items()},
        )


@dataclass(frozen=True)
class Images:
    """A data set. `mean` and `std` (channels,) are those of the training pixels between 0 and 1;
    `vocabulary` counts the tokens that captions are made of; `skipped` names unreadable files."""

    name: str
    train: Split
    test: Split
    classes: int
    vocabulary: int
    mean: Float[Tensor, " channels"]
    std: Float[Tensor, " channels"]
    skipped: tuple[str, ...] = ()

    @classmethod
    def from_splits(
        cls, name: str, train: Split, test: Split, *, classes: int, vocabulary: int
    ) -> Images:
        """Return the data set of two splits, its pixel statistics taken from `train`."""
        # Sums of bytes are exact in float64, so the statistics do not depend on the device.
        pixels = train.pixels.transpose(0, 1).flatten(1).double() / 255.0
        mean, std = pixels.mean(dim=1), pixels.std(dim=1, correction=0).clamp_min(1e-3)
        return cls(name, train, test, classes, vocabulary, mean.float(), std.float())

    @property
    def channels(self) -> int:
        return int(self.train.pixels.shape[1])

    @property
    def side(self) -> int:
        return int(self.train.pixels.shape[-1])

    def to(self, device: str) -> Images:
        """Return the same on `device`."""
        return replace(
            self,
            train=self.train.to(device),
            test=self.test.to(device),
            mean=self.mean.to(device),
            std=self.std.to(device),
        )

    def normalised(self, pixels: Tensor) -> Tensor:
        """Return bytes (n, channels, side, side) as float32 of mean 0 and deviation 1."""
        mean, std = self.mean[:, None, None], self.std[:, None, None]
        return (pixels.float() / 255.0 - mean) / std


def split_rows(count: int, held_out: int) -> tuple[Tensor, Tensor]:
    """Return the rows for training and those held out, by a permutation that never changes."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return order[held_out:], order[:held_out]
