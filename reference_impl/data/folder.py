"""A user's folder of class folders, decoded once into bytes. Everything in it is hostile."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kb.errors import InputUnreadable, UsageError
from reference_impl.data.images import Images, Split, check_room, split_rows
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
    followed, images beside the class folders are in no class; `left_out` counts both. Files that
    cannot be decoded are named in `skipped`. Raises UsageError without Pillow, without images or
    without room for them, InputUnreadable when none can be decoded.
    """
    left: Counter[str] = Counter()
    held = next((root / name for name in ("val", "test") if (root / name).is_dir()), None)
    if (root / "train").is_dir() and held is not None:
        classes = _classes(root / "train")
        train, missed = _decoded(root, _files(root, root / "train", classes, left), side)
        test, also_missed = _decoded(root, _files(root, held, classes, left), side)
        missed += also_missed
    else:
        classes = _classes(root)
        everything, missed = _decoded(root, _files(root, root, classes, left), side)
        rows = split_rows(len(everything), max(1, round(_HELD_OUT * len(everything))))
        train, test = (everything.at(part) for part in rows)
    count = max(len(classes), 1)
    found = Images.from_splits(str(root), train, test, classes=count, vocabulary=count)
    return replace(found, skipped=tuple(missed), left_out=dict(left))


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


_LINKS = "links that leave the folder"
_STRAY = "images beside the class folders"
_UNKNOWN = "folders that are no class of the training images"


def _files(
    root: Path, folder: Path, classes: Sequence[str], left: Counter[str]
) -> list[tuple[Path, int]]:
    """Return image files below `folder` with their labels, all 0 where there are no classes.

    What is not taken is counted in `left`.
    """
    top = Path(os.path.realpath(root))
    left[_UNKNOWN] += len(set(_classes(folder)) - set(classes))
    if not classes:
        found = [(path, 0) for path in _images(folder, "*", top, left)]
    else:
        left[_STRAY] += len(_images(folder, "*", top, Counter()))
        found = [
            (path, label)
            for label, name in enumerate(classes)
            for path in _images(folder / name, "**/*", top, left)
        ]
    if not found:
        counted = "".join(f"; {count} {what}" for what, count in left.items() if count)
        raise UsageError(
            f"no images{counted}",
            where=str(folder),
            hint=f"expected {', '.join(sorted(ENDINGS))}, in the folder itself",
        )
    return found


def _images(folder: Path, pattern: str, top: Path, left: Counter[str]) -> list[Path]:
    """Return the image files of a folder; links out of `top` are counted, not followed."""
    if not _inside(folder, top):
        left[_LINKS] += 1
        return []
    found = []
    for path in sorted(folder.glob(pattern)):
        if not _inside(path, top):
            left[_LINKS] += 1
        elif path.suffix.lower() in ENDINGS and path.is_file():
            found.append(path)
    return found


def _inside(path: Path, top: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(top)


def _decoded(root: Path, files: Sequence[tuple[Path, int]], side: int) -> tuple[Split, list[str]]:
    check_room(len(files), side, 3, str(root))
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
    everything = Split(pixels, labels, labels[:, None])
    # Taking rows copies them: not where all of them are taken.
    return everything.at(worked) if missed else everything, missed


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
