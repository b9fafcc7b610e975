"""Time and memory of something that runs on a GPU, or on the CPU where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def seconds_of(once: Callable[[], None], device: str, warm_ups: int, rounds: int) -> float:
    """Return the mean seconds of `rounds` calls after `warm_ups`, all work on the device done."""
    for _ in range(warm_ups):
        once()
    _wait(device)
    begun = time.perf_counter()
    for _ in range(rounds):
        once()
    _wait(device)
    return (time.perf_counter() - begun) / rounds


def peak_mib(once: Callable[[], None], device: str) -> float | None:
    """Return by how many MiB one call raises the device's memory; None on a CPU."""
    if not device.startswith("cuda"):
        return None
    _wait(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    once()
    _wait(device)
    raised = int(torch.cuda.max_memory_allocated(device)) - int(before)
    return round(raised / 2**20, 1)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
