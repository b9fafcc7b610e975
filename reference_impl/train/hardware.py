"""Devices, processes and number formats."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import distributed as dist

from kb.errors import UsageError
from reference_impl.distributed import is_first_process
from reference_impl.train.spec import Precision

_HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@contextmanager
def processes(device: str) -> Iterator[str]:
    """Join the process group that torchrun announced, if any, and yield this process's device.

    `cuda` becomes the card of the local rank. UsageError when there is no such device.
    """
    kind = _kind(device)
    announced = "WORLD_SIZE" in os.environ and not dist.is_initialized()
    if kind == "cuda" and ":" not in device:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if kind == "cuda":
        _check_card(device)
        torch.cuda.set_device(device)
    if announced:
        dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield device
    finally:
        if announced:
            dist.destroy_process_group()


def _kind(device: str) -> str:
    """Return "cpu" or "cuda"; UsageError for other devices and for a CUDA that is not there."""
    kind, _, number = device.partition(":")
    if kind not in {"cpu", "cuda"} or (":" in device and not number.isdecimal()):
        raise UsageError(f'there is no device "{device}"', hint="train on cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device", hint="train with --device cpu")
    return kind


def _check_card(device: str) -> None:
    count = torch.cuda.device_count()
    if int(device.partition(":")[2]) >= count:
        raise UsageError(
            f"there is no device {device}, there are {count} CUDA devices",
            hint="name a lower number, or start as many processes as there are devices",
        )


def say(line: str) -> None:
    """Print a line to standard error, from the process that reports to the user."""
    if is_first_process():
        print(line, file=sys.stderr)


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
