"""Where and with what a result was made."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from kb.code_hash import code_hash
from kb.evidence import Stamp

_PACKAGES = ("torch", "numpy", "lightly")


def stamp(device: str, files: Sequence[str]) -> Stamp:
    """Return the stamp of a result that hangs on `files`, made now on `device`."""
    return Stamp(
        device=device,
        hardware=_hardware(device),
        versions={"python": platform.python_version(), **_versions()},
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        code_hash=code_hash(files),
        files=tuple(files),
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _hardware(device: str) -> str:
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return f"{_processor()}, {cores()} cores"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
