"""A user's folder of class folders, decoded once into bytes. Everything in it is hostile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kb.errors import InputUnreadable, UsageError
from reference_impl.data.images import Images, Split, split_rows
from reference_impl.shapes import Tensor

ENDINGS = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 100_000_000
"""Largest image decoded, a choice: 100 megapixels take 300 MB."""

_HELD_OUT = 0.2
"""Share of the images that is held out where the folder has no `train` and `val`. A choice."""


def image_folder(root: Path, side: int) -> Images:
    """Return the images below `root`, RGB of `side` pixels, classes being the folder names.

    With `root/train` and `root/val` (or `test`), those are the splits; otherwise a fifth of the
    images is held out. The middle square of an image is kept. Links that leave `root` are not
    followed; files that cannot be decoded are left out and named in `skipped`. Raises UsageError
    without Pillow or without images, InputUnreadable when none can be decoded.
    """
    held = next((root / name for name in ("val", "test") if (root / name).is_dir()), None)
    if (root / "train").is_dir() and held is not None:
        classes = _classes(root / "train")
        train, missed = _decoded(root, _files(root, root / "train", classes), side)
        test, also_missed = _decoded(root, _files(root, held, classes), side)
        missed += also_missed
    else:
        classes = _classes(root)
        everything, missed = _decoded(root, _files(root, root, classes), side)
        rows = split_rows(len(everything), max(1, round(_HELD_OUT * len(everything))))
        train, test = (everything.at(part) for part in rows)
    count = max(len(classes), 1)
    found = Images.from_splits(str(root), train, test, classes=count, vocabulary=count)
    return replace(found, skipped=tuple(missed))


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


def _files(root: Path, folder: Path, classes: Sequence[str]) -> list[tuple[Path, int]]:
    """Return image files below `folder` with their labels, 0 for those in no class folder."""
    top = Path(os.path.realpath(root))
    found = []
    for label, inner in [(0, folder)] + [(k, folder / name) for k, name in enumerate(classes)]:
        pattern = "*" if inner == folder else "**/*"
        for path in sorted(inner.glob(pattern)):
            inside = Path(os.path.realpath(path)).is_relative_to(top)
            if path.suffix.lower() in ENDINGS and inside and path.is_file():
                found.append((path, label))
    if not found:
        raise UsageError(
            "no images", where=str(folder), hint=f"expected {', '.join(sorted(ENDINGS))}"
        )
    return found


def _decoded(root: Path, files: Sequence[tuple[Path, int]], side: int) -> tuple[Split, list[str]]:
    pixels = torch.empty(len(files), 3, side, side, dtype=torch.uint8)
    worked = torch.zeros(len(files), dtype=torch.bool)

    def fill(place: int) -> None:
        image = _decode(files[place][0], side)
        if image is not None:
            pixels[place], worked[place] = image, True

    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, range(len(files))))
    missed = [
        str(path.relative_to(root))
        for (path, _), good in zip(files, worked.tolist(), strict=True)
        if not good
    ]
    if len(missed) == len(files):
        raise InputUnreadable(f"none of {len(files)} images can be decoded", where=str(root))
    labels = torch.tensor([label for _, label in files])
    return Split(pixels, labels, labels[:, None]).at(worked), missed


def _decode(path: Path, side: int) -> Tensor | None:
    """Return the middle square of an image, (3, side, side) bytes; None if it is no image."""
    pillow = _pillow()
    try:
        with pillow.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            image.draft("RGB", (side, side))  # JPEG: decode at a fraction where that is enough
            edge = min(image.size)
            left, top = (image.width - edge) // 2, (image.height - edge) // 2
            box = (left, top, left + edge, top + edge)
            small = image.convert("RGB").resize((side, side), pillow.Resampling.BICUBIC, box=box)
            flat = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError):
        return None  # what Pillow raises for bytes that are not what their name says
    return flat.view(side, side, 3).permute(2, 0, 1)


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError(
            "decoding images needs Pillow, which is not installed", hint="pip install pillow"
        ) from error
    return Image
