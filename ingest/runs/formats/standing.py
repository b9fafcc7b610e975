"""What a logged name may be, before anything is known of its run: metric, setting or clock.

Also which records are of held-out data; their metrics are called val_ so that no column mixes
them with those of training.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from ingest.runs.formats.clock import counts
from kb.vocabulary import vocabulary

Standing = Literal["metric", "several metrics", "metric or setting", "clock", "unknown"]

_SETTINGS_TOO = frozenset(
    {"lr", "wd", "temp", "teacher_temp", "gumbel_temp", "ema_m", "opt_momentum", "mask_ratio"}
)
"""Metrics that argument lists hold as well: a line `lr: 0.3` alone shows no training."""

SPLIT_NAMES = frozenset({"mode", "split", "phase", "stage"})
"""Names whose text tells what data a record is of."""

_HELD_OUT = re.compile(r"(?i:val|valid|validat(?:e|ion|ing)|eval|evaluat(?:e|ion|ing)|test)")
_OWN_SPLIT = re.compile(r"(?i:train|val|valid|test|eval)")


@lru_cache(maxsize=8192)
def standing(name: str) -> Standing:
    """Return what a name is to the vocabulary."""
    if counts(name) is not None:
        return "clock"
    found = vocabulary().resolve(name)
    if _SETTINGS_TOO.intersection((found.metric or "", *found.candidates)):
        return "metric or setting"
    if found.metric is not None:
        return "metric"
    return "several metrics" if found.candidates else "unknown"


def shows_training(names: Iterable[str]) -> bool:
    """Tell whether any of the names is a metric and nothing else."""
    return any(standing(name) == "metric" for name in names)


def is_held_out(split: object) -> bool:
    """Tell whether the text under one of SPLIT_NAMES says validation or test."""
    return isinstance(split, str) and _HELD_OUT.fullmatch(split.strip()) is not None


def as_held_out(name: str) -> str:
    """Return the name of a metric on held-out data, as it is if it names a split or a clock."""
    return name if _OWN_SPLIT.match(name) or standing(name) == "clock" else f"val_{name}"
