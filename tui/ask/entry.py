"""A diagnosis as a page: why it was named, symptoms, causes, fixes, neighbours, references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.content import Content

from assistant.render.marks import MARKED
from kb.plain_text import plain
from tui.ask.prose import code_of, prose
from tui.ask.rows import explained, level_of, share_of, short_reason, underline
from tui.plain import shown, shown_line
from tui.references import address_of, short_reference
from tui.widgets.page import Block, Item, Section, heading

if TYPE_CHECKING:
    from assistant.answer import Answer, Diagnosis, Evidence, RankedFix
    from assistant.moved import Moved
    from kb.types import Entry

COSTS = {"live": "while it runs", "resume": "stop, resume", "restart": "new run", "code": "code"}
"""What a fix costs, in words."""


def sections_of(diagnosis: Diagnosis, moved: Moved | None = None) -> list[Section]:
    """Return the parts of a diagnosis's page in reading order."""
    entry = diagnosis.entry
    numbers = explained(diagnosis.evidence)
    top = [*_title(diagnosis), *([] if moved is None else [_moved(moved)])]
    top += [heading("Why this"), *_evidence(diagnosis.evidence, numbers)]
    top += [_refuted(one.passage, one.truth) for one in diagnosis.contradictions]
    return [
        Section(top),
        _fixes(diagnosis, numbers),
        Section(_listed("Symptoms", entry.symptoms, numbers), aside=True),
        Section(_causes(entry.causes, numbers), aside=True),
        Section(_neighbours(entry), aside=True),
        Section(_listed("False alarms", entry.false_alarms, numbers), aside=True),
        _references(entry.references),
    ]


def _fixes(diagnosis: Diagnosis, numbers: tuple[str, ...]) -> Section:
    if not diagnosis.fixes:
        return Section(())
    says = "What it says to try" if diagnosis.contradictions else "What to try, in this order"
    blocks = [heading(says)]
    for place, fix in enumerate(diagnosis.fixes):
        blocks += _fix(place + 1, fix, place, numbers)
    return Section(blocks, [fix_item(fix) for fix in diagnosis.fixes])


def _causes(causes: Sequence[str], numbers: tuple[str, ...]) -> list[Block]:
    if not causes:
        return []
    blocks = [heading("Why it happens")]
    for place, cause in enumerate(causes):
        for at, part in enumerate(prose(cause, 0, None, numbers)):
            blocks.append(replace(part, space=place > 0 and at == 0))
    return blocks


def _neighbours(entry: Entry) -> list[Block]:
    if not entry.tell_apart:
        return []
    blocks = [heading("Tell it apart")]
    for one in entry.tell_apart:
        name = Content.styled(shown_line(one.entry_id), "$text-secondary")
        blocks.append(_bullet(Content("").join([name, ": ", plain(shown(one.decided_by))])))
    return blocks


def _references(references: Sequence[str]) -> Section:
    if not references:
        return Section(())
    blocks = [heading("References")]
    for place, reference in enumerate(references):
        text = Content.styled(short_reference(reference), "$text-secondary")
        blocks.append(_bullet(text, place))
    items = [
        Item("reference", one, f"the address of {short_reference(one)}", address_of(one))
        for one in references
    ]
    return Section(blocks, items)


def answer_section(answer: Answer, moved: Sequence[Moved]) -> Section:
    """Return what belongs to the whole answer: what the run moved, what to measure next."""
    blocks: list[Block] = []
    if moved:
        blocks.append(heading("What the run moved"))
        blocks += [_move(one) for one in moved]
    if answer.next_measurement is not None:
        named = Content.styled(f"{shown_line(answer.next_measurement.metric)}: ", "bold")
        reason = plain(shown(answer.next_measurement.reason))
        blocks += [heading("Measure next"), Block(named + reason)]
    return Section(blocks, aside=True)


def fix_item(fix: RankedFix) -> Item:
    """Return what copying a fix copies: its settings and code, or its words where it has none."""
    settings = "\n".join(f"{key}: {_value(value)}" for key, value in fix.change.items())
    code = code_of(fix.text)
    parts = [part for part in (settings, code) if part]
    if not parts:
        return Item("fix", fix.id, f"the fix “{fix.title}”", f"{fix.title}\n{shown(fix.text)}")
    what = " and ".join(["the setting"] * bool(settings) + ["the code"] * bool(code))
    return Item("fix", fix.id, f"{what} of “{fix.title}”", "\n\n".join(parts))


def _title(diagnosis: Diagnosis) -> list[Block]:
    entry = diagnosis.entry
    owner = "yours" if diagnosis.owner == "user" else entry.status
    named = ", ".join(shown_line(one, 40) for one in entry.methods)
    methods = f" · {named}" if named else ""
    facts = Content("").join(
        [
            Content.styled(
                f"{share_of(diagnosis.confidence)} likely", level_of(diagnosis.confidence)
            ),
            Content.styled(f" · {shown_line(entry.id)} · {owner}{methods}", "$muted"),
        ]
    )
    return [Block(Content.styled(shown_line(entry.title), "bold")), Block(facts)]


def _moved(moved: Moved) -> Block:
    label = Content.styled(f"{moved.where} with the run", "$text-accent bold")
    return Block(Content("").join([label, ": ", short_reason(moved.why)]))


def _move(moved: Moved) -> Block:
    name = Content.styled(shown_line(moved.title), "bold")
    where = Content.styled(moved.where, "$text-accent")
    sign, _, words = where.plain.partition(" ")
    text = Content("").join([name, f" ({words}): ", short_reason(moved.why)])
    return Block(text, Content.styled(f"{sign} ", "$text-accent bold"), 2)


def _evidence(evidence: Sequence[Evidence], numbers: tuple[str, ...]) -> list[Block]:
    labels = {"number": "number", "metric": "run", "config": "setting", "trial": "trial"}
    blocks = []
    for one in evidence:
        if "neighbour" in one.values:
            continue
        label = labels.get(one.kind, "words")
        first = Content.styled(f"{label:<8}", "$text-accent")
        blocks.append(Block(underline(Content(shown(one.text)), numbers), first, 8))
    return blocks


def _refuted(passage: str, truth: str) -> Block:
    first = Content.styled("but     ", "$text-error bold")
    return Block(Content(f"“{shown_line(passage)}” does not hold. {shown(truth)}"), first, 8)


def _listed(title: str, lines: Sequence[str], numbers: tuple[str, ...]) -> list[Block]:
    if not lines:
        return []
    return [
        heading(title),
        *(_bullet(underline(Content(plain(shown(one))), numbers)) for one in lines),
    ]


def _bullet(text: Content, item: int | None = None) -> Block:
    return Block(text, Content.styled("● ", "$muted"), 2, item)


MARK_SIGNS = {
    "tried": ("●", "$text-accent"),
    "helped": ("✓", "$text-success"),
    "did-not": ("✗", "$text-error"),
}
"""Sign and colour of what the user said of a fix; the word stands beside them."""


def _fix(place: int, fix: RankedFix, item: int, numbers: tuple[str, ...]) -> list[Block]:
    title = Content.styled(shown_line(fix.title), "bold")
    facts = [Content.styled(f"  [{COSTS[fix.cost]}]", "$muted")] if fix.cost else []
    if fix.cure_rate:
        cured, seeds, low, high = fix.cure_rate
        facts.append(
            Content.styled(f"  cured {cured} of {seeds} ({low:.0%} to {high:.0%})", "$text-success")
        )
    if fix.already_applied:
        facts.append(Content.styled("  ✓ already so in this run", "$text-success"))
    if fix.mark:
        sign, colour = MARK_SIGNS[fix.mark.word]
        facts.append(Content.styled(f"  {sign} {MARKED[fix.mark.word]}", colour))
    first = Content.styled(f"{place}. ", "$text-accent bold")
    blocks = [Block(Content("").join([title, *facts]), first, 3, item)]
    if fix.change:
        changes = ", ".join(f"{key} = {_value(value)}" for key, value in fix.change.items())
        blocks.append(Block(Content.styled(f"set {changes}", "$text-secondary"), "   ", 3, item))
    return blocks + prose(fix.text, 3, item, numbers)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else shown_line(str(value), 200)
