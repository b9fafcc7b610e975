"""Encoders by name. Each maps images (batch, channels, side, side) to (batch, width)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from kb.errors import UsageError, nearest

ENCODERS: Mapping[str, tuple[str, str]] = {
    "small_cnn": ("small_cnn", "small_cnn"),
    "resnet18": ("resnet", "resnet18"),
    "resnet50": ("resnet", "resnet50"),
    "vit_mini": ("vit", "vit_mini"),
    "vit_tiny": ("vit", "vit_tiny"),
    "vit_small": ("vit", "vit_small"),
}
"""File in this folder and the function in it, which takes `channels` and `side`."""


def build(name: str, channels: int, side: int) -> Any:
    """Return a new encoder for square images; its `width` is that of its output.

    Weights are drawn from torch's global generator. UsageError for an unknown name.
    """
    if name not in ENCODERS:
        raise UsageError(
            f'there is no encoder "{name}"{nearest(name, ENCODERS)}',
            hint=f"there are {', '.join(ENCODERS)}",
        )
    file, function = ENCODERS[name]
    return getattr(import_module(f"reference_impl.encoders.{file}"), function)(channels, side)
