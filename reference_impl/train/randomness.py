"""Every random state that a training touches, saved and restored as plain tensors."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from reference_impl.distributed import rank, world

_STREAM = 1 << 16
"""Generators of two processes start this far apart, so that their views differ."""


def seed_everything(seed: int) -> None:
    """Seed every global generator; all processes alike, so that they start with equal weights."""
    random.seed(seed)
    np.random.seed(seed % (1 << 32))
    torch.manual_seed(seed)


def part_processes(seed: int) -> None:
    """Give each of several processes its own global generator once the weights are drawn.

    Otherwise masks and dropped paths repeat in every process. A single process is left alone.
    """
    if world() > 1:
        torch.manual_seed(seed + rank())


def view_generator(seed: int, device: str) -> torch.Generator:
    """Return this process's generator of augmentations, on `device`."""
    return torch.Generator(device=device).manual_seed(seed + _STREAM * (rank() + 1))


def random_state(views: torch.Generator) -> dict[str, Any]:
    """Return all random states of this process, in types that a safe loader reads."""
    numpy_state: Any = np.random.get_state(legacy=False)
    inner = numpy_state["state"]
    state: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "views": views.get_state(),
        "python": random.getstate(),
        "numpy": [
            torch.from_numpy(inner["key"].astype(np.int64)),
            int(inner["pos"]),
            int(numpy_state["has_gauss"]),
            float(numpy_state["gauss"]),
        ],
    }
    if views.device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(views.device)
    return state


def restore_random_state(state: Mapping[str, Any], views: torch.Generator) -> None:
    """Put back what `random_state` returned."""
    torch.set_rng_state(state["torch"])
    views.set_state(state["views"])
    version, inner, gauss = state["python"]
    random.setstate((version, tuple(inner), gauss))
    key, place, has_gauss, gauss_value = state["numpy"]
    np.random.set_state(("MT19937", key.numpy().astype(np.uint32), place, has_gauss, gauss_value))
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], views.device)
