"""Faults by catalogue entry; importing this package registers them all."""

from benchmarks.simulated.faults import (
    collapse,
    contrastive,
    curves,
    distill,
    multimodal,
    numerics,
    objectives,
    optim,
    resume,
    schedules,
    speed,
    views,
)
from benchmarks.simulated.faults.registry import FAULTS, Fault

__all__ = [
    "FAULTS",
    "Fault",
    "collapse",
    "contrastive",
    "curves",
    "distill",
    "multimodal",
    "numerics",
    "objectives",
    "optim",
    "resume",
    "schedules",
    "speed",
    "views",
]
