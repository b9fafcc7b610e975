"""A Markdown table as aligned columns of at most 80 columns in all."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from assistant.render.layout import WIDTH, dim
from kb.plain_text import plain

GAP = "  "
NARROWEST = 6
_CELL_END = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"^[\s|:-]*-[\s|:-]*$")


def table_lines(lines: Sequence[str]) -> list[str]:
    """Return the rows aligned, wide cells wrapped; the first row is dimmed as the heading."""
    return [dim(line) if head else line for line, head in table_rows(lines, WIDTH)]


def table_rows(lines: Sequence[str], width: int) -> list[tuple[str, bool]]:
    """Return lines of at most `width` columns, each with whether it belongs to the heading."""
    rows = [_cells(line) for line in lines if not _RULE.match(line)]
    if not rows:
        return []
    count = max(len(row) for row in rows)
    rows = [row + [""] * (count - len(row)) for row in rows]
    wanted = [max(len(row[column]) for row in rows) for column in range(count)]
    widths = _fitted(wanted, width)
    shown: list[tuple[str, bool]] = []
    for number, row in enumerate(rows):
        wrapped = [
            textwrap.wrap(cell, one, break_on_hyphens=False) or [""]
            for cell, one in zip(row, widths, strict=True)
        ]
        for height in range(max(len(cell) for cell in wrapped)):
            parts = [
                f"{cell[height] if height < len(cell) else '':<{one}}"
                for cell, one in zip(wrapped, widths, strict=True)
            ]
            shown.append((GAP.join(parts)[:width].rstrip(), number == 0))
    return shown


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner.removesuffix("|") if not inner.endswith("\\|") else inner
    return [plain(cell.replace("\\|", "|")) for cell in _CELL_END.split(inner)]


def _fitted(widths: list[int], width: int) -> list[int]:
    """Return `widths` with the widest narrowed until the row fits; no column vanishes."""
    fitted = [max(one, 1) for one in widths]
    room = max(width - len(GAP) * (len(fitted) - 1), NARROWEST)
    while sum(fitted) > room and max(fitted) > NARROWEST:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted
