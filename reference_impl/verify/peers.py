"""lightly, where it is installed: another implementation to compare with.

`lightly.loss` imports torchvision, whose wheel from the package index cannot load its compiled
part beside a CPU build of torch; declaring two operators that it registers lets the import pass.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[Any] = []
"""Keeps the library object alive: its operators vanish with it."""


@cache
def why_no_lightly() -> str:
    """Return why `lightly.loss` cannot be used here, or an empty string when it can."""
    for package in ("lightly", "torchvision"):
        if find_spec(package) is None:
            return f"{package} is not installed"
    try:
        _load_torchvision()
        import_module("lightly.loss")
    except (ImportError, RuntimeError, OSError) as error:
        return f"lightly does not import: {str(error).splitlines()[0]}"
    return ""


def lightly_loss(name: str) -> Any:
    """Return a class of `lightly.loss`; RuntimeError with the reason when it cannot be used."""
    if reason := why_no_lightly():
        raise RuntimeError(reason)
    return getattr(import_module("lightly.loss"), name)


def lightly_tool(name: str) -> Any:
    """Return a function of `lightly.models.utils`, from which its examples build losses."""
    if reason := why_no_lightly():
        raise RuntimeError(reason)
    return getattr(import_module("lightly.models.utils"), name)


def _load_torchvision() -> None:
    try:
        import_module("torchvision")
        return
    except RuntimeError:
        for module in [one for one in sys.modules if one.split(".")[0] == "torchvision"]:
            del sys.modules[module]
    library = torch.library.Library("torchvision", "DEF")
    for operator in _OPERATORS:
        library.define(operator)
    _declared.append(library)
    import_module("torchvision")
