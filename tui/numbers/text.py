"""Numbers that stand for a run, written back as a person types them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kb.types import Scalar
from tui.plain import shown_line


def typed(numbers: Mapping[str, Scalar | Sequence[float]]) -> str:
    """Return numbers as `loss 4.143, batch_size 32`, which is read back as the same numbers."""
    return ", ".join(f"{shown_line(name)} {_values(value)}" for name, value in numbers.items())


def _values(value: Scalar | Sequence[float]) -> str:
    if isinstance(value, str | int | float):
        return shown_line(str(value))
    return " ".join(str(one) for one in value)
