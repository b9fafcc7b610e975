"""What the panes beside the charts say: the verdict and why, what to do, checks, names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual.content import Content

from assistant.answer import Answer, Check, Diagnosis
from assistant.clauses import shown as digits
from assistant.verdict import headline
from kb.run import Naming, Run
from kb.types import Scalar
from tui.ask.entry import COSTS, fix_item
from tui.plain import shown, shown_line
from tui.widgets.page import Block, Item, heading

VERDICTS: dict[str, tuple[str, str]] = {
    "sick": ("✗ sick", "$text-error"),
    "healthy": ("✓ healthy", "$text-success"),
    "undecided": ("○ undecided", "$text-warning"),
}
_TRIED_FIRST = 3
"""Fixes listed beside the charts; the Fixes screen holds all."""

_BOLD = "bold"
_MUTED = "$text-muted"


def banner(answer: Answer | None, waiting: str) -> Content:
    """Return the verdict with its headline; `waiting` where nothing was judged yet."""
    if answer is None or answer.verdict is None:
        return Content.styled(waiting, _MUTED)
    sign, colour = VERDICTS[answer.verdict]
    said = Content.styled(f" {sign} ", f"{colour} bold reverse")
    if answer.verdict == "sick" and answer.diagnoses:
        first = answer.diagnoses[0]
        name = Content.styled(f" {first.entry.id} {first.confidence:.0%} ", f"{colour} bold")
        return Content.assemble(said, name, shown_line(first.entry.title, 200))
    return Content.assemble(said, " ", shown_line(_sentence(headline(answer)), 400))


def why(answer: Answer | None, error: Exception | None = None) -> tuple[list[Block], list[Item]]:
    """Return the reasons, what to measure next, what to try, and what else it could be; the
    fixes are items that can be copied."""
    items: list[Item] = []
    blocks: list[Block] = []
    if error is not None:
        blocks += [heading("What went wrong"), Block(Content(shown(str(error), 2000)))]
    if answer is not None:
        blocks += _reasons(answer)
        if answer.next_measurement is not None:
            one = answer.next_measurement
            said = Content.assemble((one.metric, _BOLD), f": {shown(one.reason, 1000)}")
            blocks += [heading("Measure next"), Block(said, "→ ", 2)]
        if answer.verdict == "sick" and answer.diagnoses:
            items = [fix_item(fix) for fix in answer.diagnoses[0].fixes[:_TRIED_FIRST]]
            blocks += _tries(answer.diagnoses[0])
        blocks += _others(answer)
    return blocks or [Block(Content.styled("Nothing judged yet.", _MUTED))], items


def checks(answer: Answer | None, run: Run | None) -> list[Block]:
    """Return what was checked and what not, how names were read, and what the log itself shows."""
    blocks: list[Block] = []
    if answer is not None:
        blocks += _counted(answer)
    if run is not None:
        blocks += [*_findings(run), *_names(run), *_settings(run.config)]
    if answer is not None:
        fired, silent = _states(answer)
        blocks += _checked("✗", "$text-error", "Checked and found", fired)
        blocks += _checked("○", "$text-warning", "Not checked, numbers missing", answer.unchecked)
        blocks += _checked("✓", "$text-success", "Checked, not found", silent)
    return blocks or [Block(Content.styled("Nothing read yet.", _MUTED))]


def _states(answer: Answer) -> tuple[list[Check], list[Check]]:
    """Return the checks that fired and those that did not."""
    fired = [one for one in answer.checked if one.state == "fired"]
    return fired, [one for one in answer.checked if one.state == "silent"]


def _counted(answer: Answer) -> Iterator[Block]:
    fired, silent = _states(answer)
    yield heading("Checks")
    yield _line("✗", "$text-error", Content(f"{len(fired)} found"))
    yield _line("✓", "$text-success", Content(f"{len(silent)} not found"))
    yield _line("○", "$text-warning", Content(f"{len(answer.unchecked)} lack numbers"))


def _findings(run: Run) -> Iterator[Block]:
    if run.findings:
        yield heading("About the log")
    for finding in run.findings:
        where = f" (step {finding.step:,})" if finding.step is not None else ""
        yield _line("·", _MUTED, Content(shown(f"{finding.text}{where}", 500)))


def _reasons(answer: Answer) -> Iterator[Block]:
    yield heading("Why")
    if answer.verdict == "sick" and answer.diagnoses:
        for one in answer.diagnoses[0].evidence:
            if one.kind != "text":
                sign = "○" if one.claim == "candidate" else "●"
                yield _line(sign, "$text-primary", Content(shown(one.text, 1000)))
    for reason in answer.reasons:
        yield _line("·", _MUTED, Content(_sentence(shown(reason, 1000))))


def _tries(first: Diagnosis) -> Iterator[Block]:
    yield heading("Try, in this order")
    for place, fix in enumerate(first.fixes[:_TRIED_FIRST], 1):
        cost = f" [{COSTS[fix.cost]}]" if fix.cost else ""
        done = " already so" if fix.already_applied else ""
        said = Content.assemble(shown(fix.title, 300), (f"{cost}{done}", _MUTED))
        yield Block(said, f"{place}. ", 3, item=place - 1)
    more = len(first.fixes) - _TRIED_FIRST
    text = f"{f'{more} more; ' if more > 0 else ''}enter opens the entry"
    yield Block(Content.styled(text, _MUTED), "", 3)


def _others(answer: Answer) -> Iterator[Block]:
    others = answer.diagnoses[1:] if answer.verdict == "sick" else answer.diagnoses
    if others:
        yield heading("Also possible")
    for one in others:
        said = Content.assemble((one.entry.id, _BOLD), f" {shown_line(one.entry.title, 200)}")
        yield Block(said, f"{one.confidence:.0%}", 4)


def _checked(sign: str, colour: str, title: str, found: Sequence[Check]) -> Iterator[Block]:
    if found:
        yield heading(f"{title} ({len(found)})")
    for one in found:
        name, reason = shown_line(one.entry_id, 80), shown_line(one.reason, 300)
        yield _line(sign, colour, Content.assemble((name, _BOLD), (f" {reason}", _MUTED)))


def _names(run: Run) -> Iterator[Block]:
    names = run.names or tuple(
        Naming(one.logged_as, name, "as given") for name, one in run.series.items()
    )
    if names:
        yield heading("How each name was read")
    for one in names:
        if one.metric is None:
            could = f" could be {' or '.join(one.candidates)}" if one.candidates else ""
            said = Content.assemble(_logged(one), (f" not used: {one.reason}{could}", _MUTED))
            yield _line("✗", "$text-warning", said)
    for one in names:
        if one.metric not in (None, one.logged_as):
            scale = f", times {one.scale:g}" if one.scale != 1 else ""
            reason = f" ({shown_line(one.reason, 100)}{scale})"
            said = Content.assemble(f"{_logged(one)} → {one.metric}", (reason, _MUTED))
            yield _line("✓", "$text-success", said)
    same = [one.metric for one in names if one.metric is not None and one.metric == one.logged_as]
    if same:
        yield _line("✓", "$text-success", Content(f"{', '.join(same)}: as they are called"))


def _logged(one: Naming) -> str:
    return shown_line(one.logged_as, 100)


def _settings(config: Mapping[str, Scalar]) -> Iterator[Block]:
    yield heading("Settings")
    if not config:
        yield Block(Content.styled("none found in the log or beside it", _MUTED))
    for name, value in config.items():
        yield Block(Content(f"{name} = {shown_line(digits(value), 100)}"), "", 2)


def _line(sign: str, colour: str, text: Content) -> Block:
    return Block(text, Content.styled(sign, colour), 2)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith(".") else text
