"""What the Compare screen says beside the chart: where two runs part, how their settings differ."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from assistant.clauses import shown as digits
from kb.types import Scalar
from tui.compare.pair import Pair, Row
from tui.plain import shown_line
from tui.run.scale import number
from tui.run.state import newest_step
from tui.widgets.page import Block, heading

_MUTED = "$text-muted"
_NAME = 24
"""Columns of a metric's name in the list; the longest of the vocabulary has 22."""


def title(sign: str, colour: str, letter: str, path: str, pair: Pair | None) -> Content:
    """Return the line that names one of the runs, with the sign of its curve."""
    head = Content.styled(f"{sign} {letter} ", f"{colour} bold")
    if pair is None:
        return Content.assemble(head, shown_line(path, 200))
    run = pair.a if letter == "A" else pair.b
    step = newest_step(run)
    method = shown_line(str(run.config.get("method", "method unknown")), 40)
    said = f"  {method} · {run.format} · step {step:,}" if step is not None else "  no step"
    return Content.assemble(head, shown_line(path, 200), (said, _MUTED))


def verdict(pair: Pair) -> Content:
    """Return where the two part, in one sentence."""
    parted = [one for one in pair.comparison.partings if one.step is not None]
    if not parted:
        if not pair.comparison.partings:
            return Content.styled("○ No metric of the two has enough steps in common.", "bold")
        return Content.styled("✓ No metric of the two runs parts clearly.", "bold")
    first = parted[0]
    more = f", then {len(parted) - 1} more" if len(parted) > 1 else ""
    return Content.styled(
        f"● They part at step {first.step:,}, first by {first.metric}{more}.", "bold"
    )


def row_lines(rows: Sequence[Row]) -> list[Content]:
    """Return one line for each metric, in columns."""
    name = min(max((len(row.metric) for row in rows), default=0), _NAME)
    where = max((len(_where(row)) for row in rows), default=0)
    left = max((len(_sides(row)[0]) for row in rows), default=0)
    lines = []
    for row in rows:
        parts = row.where == "parts"
        a, b = _sides(row)
        lines.append(
            Content.assemble(
                (f"{row.metric:<{name}}  ", "bold" if parts else ""),
                (f"{_where(row):<{where}}  {a:<{left}}  {b}", "" if parts else _MUTED),
            )
        )
    return lines


def _where(row: Row) -> str:
    step = row.parting.step if row.parting is not None else None
    return f"parts at {step:,}" if step is not None else row.where


def _sides(row: Row) -> tuple[str, str]:
    one = row.parting
    return ("", "") if one is None else (f"A {number(one.a)}", f"B {number(one.b)}")


def settings_page(pair: Pair) -> list[Block]:
    """Return the settings that differ, then what only one of the runs logged."""
    found = pair.comparison
    blocks = [heading("Settings that differ")]
    if not found.settings:
        both = pair.a.config and pair.b.config
        text = "none of those that were found" if both else "none was found in either run"
        blocks.append(Block(Content.styled(text, _MUTED)))
    for name, (left, right) in found.settings.items():
        said = Content.assemble((f"{name}\n", "bold"), f"A {_plain(left)}   B {_plain(right)}")
        blocks.append(Block(said, "", 2))
    for letter, names in (("A", found.only_a), ("B", found.only_b)):
        if names:
            blocks += [heading(f"Only in {letter}"), Block(Content(", ".join(names)))]
    if found.too_short:
        short = ", ".join(found.too_short)
        blocks += [heading("Too short to compare"), Block(Content(short))]
    return blocks


def _plain(value: Scalar | None) -> str:
    return "not given" if value is None else shown_line(digits(value), 80)
