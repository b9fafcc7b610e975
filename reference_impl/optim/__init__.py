"""LARS, AdamW and SGD with parameter groups, clipping, and schedules as functions of the step."""

from __future__ import annotations

from reference_impl.optim.clipping import clip_gradients
from reference_impl.optim.groups import build_optimizer, set_schedule
from reference_impl.optim.lars import LARS
from reference_impl.optim.schedules import Schedule, warmup_cosine

__all__ = [
    "LARS",
    "Schedule",
    "build_optimizer",
    "clip_gradients",
    "set_schedule",
    "warmup_cosine",
]
