"""From values to rows: the range of a chart, linear or logarithmic, and the numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kb.run import FloatArray

ROOM = 3.0
"""How many times the range of the values a chart may span to take a level in. Beyond it, the
curve would be a flat line, and the level is named at the edge instead."""

FLAT = 0.02
"""Relative range below which a curve is flat anyway: all levels are then taken in."""

DECADES = 3.0
"""Decades of positive values from which a chart starts out logarithmic."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The range that a chart shows; `log` means that rows are equal ratios."""

    low: float
    high: float
    log: bool = False

    def share(self, values: FloatArray) -> FloatArray:
        """Return where values lie, 0 at the bottom and 1 at the top; NaN stays NaN.

        On a logarithmic scale a value at or below 0 has no place and is NaN.
        """
        with np.errstate(all="ignore"):
            if self.log:
                held = np.where(values > 0, values, np.nan)
                return (np.log10(held) - math.log10(self.low)) / self._decades()
            # Halves, since the difference of the largest floats overflows.
            return (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def value(self, share: float) -> float:
        """Return the value at a share of the height."""
        if self.log:
            return float(10 ** (math.log10(self.low) + share * self._decades()))
        return self.low * (1 - share) + self.high * share

    def _decades(self) -> float:
        return math.log10(self.high) - math.log10(self.low)


HIGHEST = math.log10(1.7e308)
"""The highest end of a logarithmic scale: ten to anything much larger is no float."""


def spans_decades(low: float, high: float) -> bool:
    """Tell whether values from `low` to `high` need a logarithmic scale to be seen."""
    return low > 0 and math.log10(high) - math.log10(low) >= DECADES


def scale_of(low: float, high: float, levels: Sequence[float], *, log: bool) -> Scale:
    """Return the scale for values from `low` to `high`, with the levels there is room for.

    `log` is only obeyed for positive values.
    """
    log = log and low > 0
    if log:
        held = [level for level in levels if level > 0]
        first, last = _taken_in(math.log10(low), math.log10(high), [math.log10(x) for x in held])
        first, last = _opened(first, last)
        return Scale(max(10.0**first, 5e-324), 10.0 ** min(last, HIGHEST), True)
    first, last = _taken_in(low, high, list(levels))
    return Scale(*_opened(first, last))


def _taken_in(low: float, high: float, levels: list[float]) -> tuple[float, float]:
    span = high - low
    flat = span <= FLAT * max(abs(low), abs(high))
    first, last = low, high
    for level in sorted(levels, key=lambda one: max(low - one, one - high)):
        wider = max(last, level) - min(first, level)
        if flat or wider <= ROOM * span:
            first, last = min(first, level), max(last, level)
    return first, last


def _opened(low: float, high: float) -> tuple[float, float]:
    """Return a range that is one, with a little air above and below."""
    if not high > low:
        half = abs(high) * FLAT or 0.5
        return low - half, high + half
    air = 0.04 * (high / 2 - low / 2) * 2
    wider = low - air, high + air
    return wider if all(map(math.isfinite, wider)) else (low, high)


def number(value: float) -> str:
    """Return a value in at most four significant digits, NaN and infinity in words."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 1e6:
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.0f}"
    text = f"{value:.4g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def labels(scale: Scale, rows: int) -> dict[int, str]:
    """Return the numbers beside a chart of `rows` rows by row, 0 at the top.

    The rows are those whose middle is closest to a round value, so that a label is exact to
    half a row.
    """
    if rows < 2:
        return {}
    found: dict[int, str] = {}
    for value in _round_values(scale, max(2, min(5, rows // 2))):
        share = float(scale.share(np.array([value]))[0])
        row = round((1 - share) * rows - 0.5)
        if 0 <= row < rows and not {row - 1, row, row + 1} & found.keys():
            found[row] = number(value)
    return found


def _round_values(scale: Scale, wanted: int) -> list[float]:
    if scale.log:
        low, high = math.ceil(math.log10(scale.low)), math.floor(math.log10(scale.high))
        if high - low >= 1:
            powers = max(1, math.ceil((high - low) / wanted))
            return [10.0**power for power in range(low, high + 1, powers)]
        return [scale.value(share) for share in (0.0, 0.5, 1.0)]
    span = scale.high - scale.low
    if not math.isfinite(span) or span <= 0:
        return [scale.low, scale.high]
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    if power == 0:
        return [scale.low, scale.high]
    stride = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= raw * 0.999)
    first = math.ceil(scale.low / stride)
    values = [(first + place) * stride for place in range(wanted + 3)]
    return [0.0 if abs(one) < stride / 1e6 else one for one in values if one <= scale.high]
