"""What a data set is: bytes, labels, captions and known factors, on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

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
    `vocabulary` counts the tokens that captions are made of; `skipped` names unreadable files,
    `left_out` counts by its reason what was not read."""

    name: str
    train: Split
    test: Split
    classes: int
    vocabulary: int
    mean: Float[Tensor, " channels"]
    std: Float[Tensor, " channels"]
    skipped: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_splits(
        cls, name: str, train: Split, test: Split, *, classes: int, vocabulary: int
    ) -> Images:
        """Return the data set of two splits, its pixel statistics taken from `train`."""
        mean, std = _statistics(train.pixels)
        return cls(name, train, test, classes, vocabulary, mean, std)

    @property
    def classes_to_probe(self) -> bool:
        """Whether labels tell anything: with one class every probe is right."""
        return len(self.train.labels.unique()) > 1

    def remarks(self) -> list[str]:
        """Return lines for the user about what was left out and what cannot be done."""
        counts = {**self.left_out, "files that cannot be decoded": len(self.skipped)}
        named = [f"{count} {reason}" for reason, count in counts.items() if count]
        lines = []
        if named:
            shown = f" ({', '.join(self.skipped[:3])}, ...)" if self.skipped else ""
            images = len(self.train) + len(self.test)
            lines.append(f"{self.name}: {images} images; left out: {', '.join(named)}{shown}")
        if not self.classes_to_probe:
            lines.append(f"{self.name}: fewer than two classes, so no probe is made")
        return lines

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


_AT_ONCE = 1 << 22
"""Pixels whose squares are summed at once: 16 MB."""


def _statistics(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each channel of bytes, scaled to 0 to 1, a part at a time.

    Sums of whole numbers are exact, so neither the device nor the parts change the result.
    """
    channels = pixels.shape[1]
    count = pixels[:, 0].numel()
    sums, squares = [0] * channels, [0] * channels
    for part in pixels.split(max(1, _AT_ONCE // max(pixels[:1].numel(), 1))):
        wide = part.int()
        for channel, (one, square) in enumerate(
            zip(
                wide.sum((0, 2, 3)).tolist(),
                wide.square().sum((0, 2, 3)).tolist(),
                strict=True,
            )
        ):
            sums[channel] += one
            squares[channel] += square
    whole = 255.0 * max(count, 1)
    mean = [one / whole for one in sums]
    spread = [
        max(count * square - one * one, 0) ** 0.5 / whole
        for one, square in zip(sums, squares, strict=True)
    ]
    made = torch.tensor([mean, spread], dtype=torch.float64, device=pixels.device)
    return made[0].float(), made[1].clamp_min(1e-3).float()


def check_room(count: int, side: int, channels: int, where: str) -> None:
    """Raise UsageError when bytes of so many images, and a copy to split them, cannot fit."""
    need, room = 2 * count * channels * side * side, _room()
    if room is not None and need > room:
        raise UsageError(
            f"{count} images of {side} x {side} pixels need {need / 1e9:.1f} GB of memory, "
            f"{room / 1e9:.1f} GB are free",
            where=where,
            hint="set a smaller side or take fewer images",
        )


def _room() -> int | None:
    """Return the bytes of memory that can be had, None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(free.split()[1]) * 1024
    except (OSError, StopIteration, ValueError):
        return None


def split_rows(count: int, held_out: int) -> tuple[Tensor, Tensor]:
    """Return the rows for training and those held out, by a permutation that never changes."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    return order[held_out:], order[:held_out]
