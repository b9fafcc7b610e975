"""A fix as a page: what to change, with code; and beside or below it what speaks for it."""

from __future__ import annotations

from textual.content import Content

from assistant.render.marks import marked_in_full
from assistant.render.worklist import COSTS, HEADINGS, cure_of, setting_of
from assistant.worklist import For, WorkItem
from tui.ask.entry import fix_item
from tui.ask.prose import prose
from tui.fixes.rows import SIGNS
from tui.plain import shown, shown_line
from tui.widgets.page import Block, Item, heading

AXIS = 24
"""Columns of the line from 0% to 100% on which an interval is drawn."""


def fix_blocks(item: WorkItem) -> tuple[list[Block], list[Item]]:
    """Return what to do, and the one thing on it that can be copied."""
    fix, (sign, colour) = item.fix, SIGNS[item.state]
    state = Content.styled(f"{sign} {HEADINGS[item.state].lower()}", colour)
    cost = COSTS[fix.cost] if fix.cost else "cost unknown"
    facts = Content.styled(f" · {cost} · {cure_of(fix)}", "dim")
    blocks = [
        Block(Content.styled(shown_line(fix.title), "bold")),
        Block(state + facts),
    ]
    if item.doubt:
        said = Content.styled("✗ rests on a claim that does not hold: ", "$text-error bold")
        blocks.append(Block(said + shown(item.doubt), space=True))
    if fix.change:
        setting = Content.styled(f"set {shown_line(setting_of(fix))}", "$text-secondary bold")
        blocks.append(Block(setting, item=0, space=True))
    body = prose(fix.text, 0, 0)
    if body:
        first = body[0]
        body[0] = Block(
            first.text, first.first, first.indent, first.item, first.verbatim, space=True
        )
    return blocks + body, [fix_item(fix)]


def evidence_blocks(item: WorkItem) -> list[Block]:
    """Return the cure rate with its interval, the diagnoses behind the fix, and its mark."""
    blocks = [heading("How often it cured"), *_cure(item)]
    if item.proposed_for:
        blocks.append(heading("What it is for"))
        blocks += [_cause(one) for one in item.proposed_for]
    if item.mark:
        sign, colour = SIGNS[item.mark.word]
        said = Content.styled(f"{sign} {shown_line(marked_in_full(item.mark))}", colour)
        blocks += [heading("What you said"), Block(said)]
    names = "\n".join(map(shown_line, item.ids))
    return [*blocks, heading("Its id, for fixes --mark"), Block(Content.styled(names, "dim"))]


def _cure(item: WorkItem) -> list[Block]:
    rate = item.fix.cure_rate
    if rate is None:
        text = "No trial yet: nobody has measured how often this helps."
        return [Block(Content.styled(text, "dim"))]
    cured, seeds, low, high = rate
    line = Content.styled(interval(cured / seeds, low, high), "$text-success")
    return [
        Block(Content(f"{cured} of {seeds} seeds, 95% interval {low:.0%} to {high:.0%}")),
        Block(Content("").join(["0% ", line, " 100%"]), verbatim=True),
    ]


def interval(rate: float, low: float, high: float) -> str:
    """Return a line from 0 to 1 with the interval thick and a dot at the rate."""

    def column(share: float) -> int:
        return min(int(share * AXIS), AXIS - 1)

    cells = ["─"] * AXIS
    for at in range(column(low), column(high) + 1):
        cells[at] = "━"
    cells[column(rate)] = "●"
    return "".join(cells)


def _cause(one: For) -> Block:
    share = "" if one.confidence is None else f"{one.confidence:.0%}"
    first = Content.styled(f"{share:<5}" if share else "", "$text-accent bold")
    name = Content.styled(f"\n{shown_line(one.entry_id)}", "dim")
    return Block(Content(shown_line(one.title)) + name, first, 5 if share else 0)
