"""Devices, processes and number formats."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import distributed as dist

from kb.errors import UsageError
from reference_impl.train.spec import Precision

_HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@contextmanager
def processes(device: str) -> Iterator[str]:
    """Join the process group that torchrun announced, if any, and yield this process's device.

    `cuda` becomes the card of the local rank. UsageError when there is no such device.
    """
    kind = torch.device(device).type
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device", hint="train with --device cpu")
    announced = "WORLD_SIZE" in os.environ and not dist.is_initialized()
    if kind == "cuda" and ":" not in device:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if kind == "cuda":
        torch.cuda.set_device(device)
    if announced:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield device
    finally:
        if announced:
            dist.destroy_process_group()


def speaks() -> bool:
    """Tell whether this process reports to the user: the first of those torchrun started.

    It holds after the process group is gone, too.
    """
    return os.environ.get("RANK", "0") == "0"


def autocast(
    precision: Precision, device: str, *, cached: bool = True
) -> AbstractContextManager[Any]:
    """Return the context of the forward pass. In a captured graph, casts must not be cached."""
    if precision in _HALF:
        kind = torch.device(device).type
        cast: AbstractContextManager[Any] = torch.autocast(
            kind, _HALF[precision], cache_enabled=cached
        )
        return cast
    return nullcontext()


def scaler(precision: Precision, device: str) -> Any:
    """Return a gradient scaler, which does nothing unless the precision is float16."""
    kind = torch.device(device).type
    return torch.amp.GradScaler(kind, enabled=precision == "float16")


def allow_tf32(precision: Precision) -> None:
    """Let float32 products run in TF32 for every precision but float32 itself."""
    torch.backends.cuda.matmul.allow_tf32 = precision != "float32"
    torch.backends.cudnn.allow_tf32 = precision != "float32"
