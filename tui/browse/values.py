"""What a method's losses log when something is wrong, as a page of tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from textual.content import Content

from assistant.fingerprints import Fingerprint
from tui.plain import shown_line
from tui.widgets.page import Block, Item, heading

MEANINGS = {
    "chance": "when nothing is told apart",
    "collapse": "when outputs are all alike or degenerate",
    "floor": "at best",
    "start": "with random vectors, at step 0",
}
"""What a closed form is the value of."""

CELL = 10
"""Columns of a value."""


def value_blocks(
    method: str, lines: Sequence[Fingerprint], room: int
) -> tuple[list[Block], list[Item]]:
    """Return the page: for each loss its forms, each with values at usual settings."""
    blocks = [
        Block(Content.styled(f"What the losses of {shown_line(method)} log", "bold")),
        Block(
            Content.styled(
                "A loss that sits on one of these values says what the run does. Lines of one "
                "loss in another convention (sum of both directions, other scale) have a dot "
                "in their name.",
                "dim",
            )
        ),
    ]
    items: list[Item] = []
    for loss, own in groupby(lines, key=lambda one: one.loss):
        blocks.append(heading(loss))
        for one in own:
            blocks += _form(one, room, len(items))
            what = f"{one.quantity}({one.loss}) with its values"
            items.append(Item("values", loss, what, f"{one.formula}\n{one.said}"))
    return blocks, items


def _form(one: Fingerprint, room: int, item: int) -> list[Block]:
    name = Content.styled(f"{one.quantity:<9}", "$text-accent bold")
    blocks = [
        Block(Content.styled(MEANINGS[one.quantity], "dim"), name, 9, item, space=True),
        Block(Content.styled(one.formula, "$text-secondary"), " " * 9, 9, item),
    ]
    if not one.values:
        needs = f"needs {one.varied} and others that have no usual value"
        return [*blocks, Block(Content.styled(needs, "dim"), " " * 9, 9, item)]
    if not one.varied:
        return [*blocks, Block(Content.styled(one.said, "bold"), " " * 9, 9, item)]
    across = len(one.varied) + 2 + CELL * len(one.values) <= room - 9
    blocks.append(_table(one, item, across=across))
    if one.held:
        held = ", ".join(f"{key} {value:g}" for key, value in one.held.items())
        blocks.append(Block(Content.styled(f"with {held}", "dim"), " " * 9, 9, item))
    return blocks


def _table(one: Fingerprint, item: int, *, across: bool) -> Block:
    """Return the values as two rows, or as two columns where the rows do not fit."""
    width = max(len(one.varied), 4) + 2
    if across:
        settings = "".join(f"{value.setting:>{CELL}g}" for value in one.values)
        losses = "".join(f"{number(value.loss):>{CELL}}" for value in one.values)
        lines = [
            Content.styled(f"{one.varied:<{width}}{settings}", "dim"),
            Content.styled(f"{'loss':<{width}}{losses}", "bold"),
        ]
    else:
        lines = [Content.styled(f"{one.varied:>{width}}{'loss':>{CELL}}", "dim")]
        lines += [
            Content.assemble(
                (f"{value.setting:>{width}g}", "dim"), (f"{number(value.loss):>{CELL}}", "bold")
            )
            for value in one.values
        ]
    return Block(Content("\n").join(lines), " " * 9, 9, item, verbatim=True)


def number(value: float) -> str:
    """Return a value with four significant digits, without an exponent where it is readable."""
    rounded = float(f"{value:.4g}")
    if 1e4 <= abs(rounded) < 1e7:
        return f"{rounded:,.0f}"
    return f"{value:.4g}" if rounded.is_integer() else f"{value:#.4g}"
