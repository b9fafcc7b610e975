"""How typed numbers were read, and what they point to, in words."""

from __future__ import annotations

from textual.content import Content

from assistant.answer import Answer
from assistant.pasted import Pasted, ReadName
from tui.plain import shown, shown_line
from tui.run.pages import VERDICTS
from tui.run.scale import number
from tui.widgets.page import Block, heading

_MUTED = "$text-muted"
_VALUES = 6
"""Values of one name that are shown."""

EXAMPLES = (
    "loss 4.143, batch 32, z_std 1e-4",
    "loss=4.143 batch_size=32",
    "{'train/loss': 4.143, 'z_std': 1e-4}",
    "Epoch: [3][40/390]  Loss 4.1432 (4.1500)",
)


def read_page(pasted: Pasted) -> list[Block]:
    """Return a line for each name with its meaning, then what was not understood."""
    if not pasted.names and not pasted.not_understood:
        blocks = [heading("Read in any of these ways, or as JSON or a table")]
        return [*blocks, *(Block(Content.styled(one, _MUTED), "", 2) for one in EXAMPLES)]
    blocks = [heading("Read as")]
    blocks += [_name(one) for one in pasted.names]
    for odd in pasted.not_understood:
        blocks.append(_line("✗", "$text-warning", Content(shown_line(odd, 200))))
    return blocks


def verdict_lines(outcome: Answer | Exception) -> Content:
    """Return the verdict with the causes, one line each."""
    if isinstance(outcome, Exception):
        return Content.styled(f"✗ {shown_line(str(outcome), 400)}", "$text-error")
    lines = []
    if outcome.verdict is not None:
        sign, colour = VERDICTS[outcome.verdict]
        why = shown_line(outcome.reasons[0], 200) if outcome.reasons else ""
        lines.append(Content.assemble((f"{sign} ", f"{colour} bold"), (why, _MUTED)))
    for one in outcome.diagnoses:
        said = f" {one.entry.id}  {shown_line(one.entry.title, 120)}"
        lines.append(Content.assemble((f"{one.confidence:>4.0%}", "bold"), said))
    return Content("\n").join(lines)


def _name(one: ReadName) -> Block:
    values = ", ".join(_value(value) for value in one.values[:_VALUES])
    if len(one.values) > _VALUES:
        values += f", … ({len(one.values):,} values)"
    name = shown_line(one.name, 80)
    reason = Content.styled(f"  {shown(one.reason, 200)}" if one.reason else "", _MUTED)
    if one.meaning is None:
        sign = "○" if one.kind == "clock" else "✗"
        said = Content.assemble(f"{name} = {values}", reason)
        return _line(sign, _MUTED if one.kind == "clock" else "$text-warning", said)
    meant = "" if one.meaning == name else f"{name} → "
    kind = Content.styled(f"  {one.kind}", _MUTED)
    return _line(
        "✓",
        "$text-success",
        Content.assemble(meant, (one.meaning, "bold"), f" = {values}", kind, reason),
    )


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else shown_line(str(value), 40)


def _line(sign: str, colour: str, text: Content) -> Block:
    return Block(text, Content.styled(sign, colour), 2)
