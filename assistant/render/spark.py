"""A series as one line of block characters."""

from __future__ import annotations

import numpy as np

from kb.run import FloatArray

BLOCKS = "▁▂▃▄▅▆▇█"
BROKEN = "×"
"""Shown where every value of a stretch is NaN or infinite."""


def sparkline(values: FloatArray, width: int = 24) -> str:
    """Return `values`, shape (n,), in at most `width` characters; each shows a stretch's median.

    The scale leaves out the outermost 2% at either end, so that one spike does not flatten all.
    """
    if not values.size:
        return ""
    count = min(width, values.size)
    held = values[np.isfinite(values)]
    if not held.size:
        return BROKEN * count
    # Differences of the largest floats overflow; those of values up to 1 do not.
    scale = float(np.abs(held).max()) or 1.0
    parts = np.array_split(values / scale, count)
    low, high = np.quantile(held / scale, (0.02, 0.98))
    return "".join(_block(part, float(low), float(high)) for part in parts)


def _block(part: FloatArray, low: float, high: float) -> str:
    held = part[np.isfinite(part)]
    if not held.size:
        return BROKEN
    if not high > low:
        return BLOCKS[0]
    share = (float(np.median(held)) - low) / (high - low)
    return BLOCKS[int(np.clip(share * len(BLOCKS), 0, len(BLOCKS) - 1))]
