"""Rows of `ssl-doctor list` in at most 80 columns; kinds and units in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assistant.catalogue_list import Row
from assistant.render.layout import bold, dim, wrapped

COLUMN = 32
"""Widest column of ids with the text beside it; longer ids have their text below."""


def rendered(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines: beside short ids the text, under long ones, its kind in brackets."""
    width = max((len(row.id) for row in rows), default=0)
    for row in rows:
        kind = "" if row.kind == "formula" else f" ({row.kind})"
        if width > COLUMN:
            first, *rest = wrapped(row.id + kind, 0)
            yield bold(first[: len(row.id)]) + dim(first[len(row.id) :])
            yield from rest
            yield from wrapped(row.text, 4)
        else:
            yield from wrapped(row.text + kind, width + 2, row.id)
