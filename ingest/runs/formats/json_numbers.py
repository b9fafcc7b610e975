"""The numbers inside a JSON value, nested ones under dotted names, as W&B and Trackio write."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.runs.formats.json_lines import MAX_DEPTH
from ingest.runs.log import number

_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})


def numbers(name: str, value: object, depth: int = 0) -> Iterator[tuple[str, float]]:
    """Yield names and numbers; text is one only as "NaN", "Infinity" or "-Infinity".

    Objects with a `_type` are media and tables: none of their numbers was logged as one.
    """
    if isinstance(value, dict):
        if "_type" not in value and depth <= MAX_DEPTH:
            for key, inner in value.items():
                yield from numbers(f"{name}.{key}" if name else key, inner, depth + 1)
    elif not isinstance(value, str) or value in _NOT_FINITE:
        plain = number(value)
        if plain is not None:
            yield name, plain
