"""Peers are other people's libraries, in a folder of their own (see .ci/run)."""

from __future__ import annotations

from importlib.util import find_spec

import torch

if find_spec("torchvision") is not None:
    # torchvision's compiled part does not load beside the CPU build of torch; importing it needs
    # these two operators to be known by name. Nothing here calls them.
    _LIBRARY = torch.library.Library("torchvision", "DEF")
    _LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
