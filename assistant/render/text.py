"""An Answer for a terminal: what it is, why, and what to try, on one screen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from assistant.answer import Answer, Contradiction, Diagnosis, Evidence, Hit, RankedFix
from assistant.fixes import did_not_help
from assistant.judge import MISSING
from assistant.render.layout import bold, dim, labelled, lines_wrapped, unbroken, wrapped
from assistant.render.marks import MARKED
from kb.plain_text import plain

BRIEF_FIXES = 3
BRIEF_EVIDENCE = 3
SHOWN = 0.05
"""Least confidence of a diagnosis after the first shown without --full."""

OPENING = 430
"""Characters of the first fix shown without --full: usually its measurement and what it means."""

QUOTE = 120
"""Characters shown of a user's passage that is contradicted, without --full."""

ANSWERING, BESIDE = 3, 2
"""Passages shown without --full: when they are the answer, and beside diagnoses."""

FIRST_LINES, OTHER_LINES = 14, 3
"""Lines of the passage that is the answer, and of any other, without --full."""

_COST = {
    "live": "while it runs",
    "resume": "stop, resume",
    "restart": "new run",
    "code": "code",
}
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_COST_SAID = re.compile(r"\s*\bCost: [^.]*\.")


def render(answer: Answer, *, full: bool = False) -> str:
    """Return the answer as styled lines of at most 80 columns."""
    lines: list[str] = []
    if answer.verdict is not None:
        lines += _verdict(answer)
    if not answer.fits and answer.query:
        lines += _nothing_fits(answer)
    # What is to be measured next stands below: no `vs` line says it before.
    decided = answer.next_measurement.reason if answer.next_measurement else ""
    shown = _shown(answer, full)
    for number, diagnosis in enumerate(shown, 1):
        if full or number == 1:
            lines += _diagnosis(number, diagnosis, "" if full else decided, full)
        else:
            lines += _brief(shown[:number], decided)
        lines.append("")
    if answer.passages:
        lines += _passages(answer, full)
    if answer.next_measurement is not None:
        reason = f"{answer.next_measurement.metric}: {answer.next_measurement.reason}"
        lines += [bold("Measure next"), *wrapped(reason, 3), ""]
    lines += _footer(answer, full)
    return "\n".join(lines).rstrip()


def _verdict(answer: Answer) -> list[str]:
    """Return the verdict with its reasons, and what an undecided one lacks most."""
    said = [f"Run: {answer.verdict}", *answer.reasons]
    text = " ".join(f"{one[:1].upper()}{one[1:].rstrip('.')}." for one in said)
    missing = Counter(
        name
        for check in answer.unchecked
        if check.reason.startswith(MISSING)
        for name in check.reason.removeprefix(MISSING).split(", ")
    )
    if missing and answer.verdict == "undecided":
        text += f" Most missed: {_listed([name for name, _ in missing.most_common(3)])}."
    return [*(bold(line) for line in wrapped(text, 0)), ""]


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _nothing_fits(answer: Answer) -> list[str]:
    lines = wrapped("Nothing in the knowledge base fits this well enough to say.", 0)
    lines[0] = bold(lines[0])
    if answer.nearest:
        lines += ["", *wrapped("Nearest topics, in case one of them is meant:", 0)]
        for topic in answer.nearest:
            lines += wrapped(f"{topic.id}: {topic.title}", 5, "   ")
    lines += [
        "",
        *wrapped(
            "Say what you see and where: the method, the metric and its value, the batch size; "
            "or add numbers, such as --metric z_std=0.02 --set batch_size=256.",
            0,
        ),
        "",
    ]
    return lines


def _shown(answer: Answer, full: bool) -> tuple[Diagnosis, ...]:
    fired = {check.entry_id for check in answer.checked if check.state == "fired"}
    likely = [
        one for one in answer.diagnoses[1:] if one.confidence >= SHOWN or one.entry.id in fired
    ]
    return answer.diagnoses if full else (*answer.diagnoses[:1], *likely)


def _diagnosis(number: int, diagnosis: Diagnosis, decided: str, full: bool) -> list[str]:
    evidence = diagnosis.evidence if full else diagnosis.evidence[:BRIEF_EVIDENCE]
    fixes = diagnosis.fixes if full else _proposed(diagnosis)[:BRIEF_FIXES]
    return [
        *_heading(number, diagnosis),
        *labelled("why", [one.text for one in evidence if "neighbour" not in one.values]),
        *labelled("vs", _versus([one for one in evidence if "neighbour" in one.values], decided)),
        *labelled("but", [_contradiction(item, full) for item in diagnosis.contradictions]),
        *labelled(
            _proposing(diagnosis),
            [_fix(place, fix, full or place == 1, full) for place, fix in enumerate(fixes, 1)]
            + ([] if full else _moved_down(diagnosis)),
        ),
    ]


def _moved_down(diagnosis: Diagnosis) -> list[str]:
    """Return a line on the fixes that the user's marks moved out of the brief answer."""
    hidden = [fix for fix in _proposed(diagnosis)[BRIEF_FIXES:] if did_not_help(fix)]
    return [f"Moved down, did not help: {'; '.join(fix.title for fix in hidden)}"] if hidden else []


def _brief(upto: Sequence[Diagnosis], decided: str) -> list[str]:
    """Return the last of `upto`, not the first: the one telling reason that none before has
    told, and one thing to try."""
    *before, diagnosis = upto
    told = {line.text for one in before for line in one.evidence}
    evidence = [one for one in diagnosis.evidence if one.text not in told]
    numbers = [one for one in evidence if one.kind != "text"]
    versus = [one for one in evidence if one.values.get("neighbour") == before[0].entry.id]
    said = [one for one in evidence if "neighbour" not in one.values]
    return [
        *_heading(len(upto), diagnosis),
        *labelled("why", [one.text for one in (numbers or ([] if versus else said))[:1]]),
        *labelled("vs", [] if numbers else _versus(versus, decided)),
        *labelled("but", [_contradiction(item, False) for item in diagnosis.contradictions[:1]]),
        *labelled(
            _proposing(diagnosis), [_fix(1, one, False, False) for one in _proposed(diagnosis)[:1]]
        ),
    ]


def _heading(number: int, diagnosis: Diagnosis) -> list[str]:
    entry = diagnosis.entry
    owner = "yours" if diagnosis.owner == "user" else entry.status
    share = f"{diagnosis.confidence:.0%}" if diagnosis.confidence >= 0.005 else "under 1%"
    where = f"{entry.id} · {owner} · {share} likely"
    return [
        *(bold(line) for line in wrapped(entry.title, 3, f"{number}")),
        *(dim(line) for line in wrapped(where, 3, "   ")),
    ]


def _proposed(diagnosis: Diagnosis) -> tuple[RankedFix, ...]:
    """Return the fixes that the run does not have already."""
    return tuple(fix for fix in diagnosis.fixes if not fix.already_applied)


def _proposing(diagnosis: Diagnosis) -> str:
    """Return the label of the fixes: what rests on a claim that does not hold is only quoted."""
    return "says" if diagnosis.contradictions else "try"


def _versus(evidence: Sequence[Evidence], decided: str) -> list[str]:
    texts = [one.text.removeprefix("To tell it from ") for one in evidence]
    return [text for text in texts if text.partition(": ")[2] not in decided or not decided]


def _contradiction(item: Contradiction, full: bool) -> str:
    passage, source = item.passage, item.source
    if not full:
        passage, source = _cut(passage, QUOTE), PurePath(source).name
    return f'"{passage}" ({source}:{item.line_start}) does not hold. {item.truth}'


def _fix(position: int, fix: RankedFix, opened: bool, full: bool) -> str:
    parts = [f"{position}. {fix.title}"]
    if opened and (opening := _opening(fix.text, whole=full)):
        parts = [f"{position}. {fix.title.rstrip('.')}: {opening}"]
    if fix.change:
        changes = (
            f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}"
            for key, value in fix.change.items()
        )
        parts.append(f"(set {', '.join(changes)})")
    if fix.cost:
        parts.append(unbroken(f"[{_COST[fix.cost]}]"))
    if fix.cure_rate:
        cured, seeds, low, high = fix.cure_rate
        parts.append(f"cured {cured} of {seeds} ({low:.0%} to {high:.0%})")
    if fix.already_applied:
        parts.append("(already so in this run)")
    if fix.mark:
        parts.append(unbroken(f"({MARKED[fix.mark.word]})"))
    return " ".join(parts)


def _opening(text: str, *, whole: bool) -> str:
    """Return the prose without code blocks: all of it, or the first sentences that fit.

    The cost stands beside the fix already, so that its sentence is dropped from an opening.
    """
    prose = plain(_FENCED.sub(" ", text))
    if whole:
        return prose
    prose = _COST_SAID.sub("", prose)
    if len(prose) <= OPENING:
        return prose
    cut = prose[:OPENING].rfind(". ")
    return prose[: cut + 1] if cut > 0 else _cut(prose, OPENING)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 4].rsplit(" ", 1)[0] + " ..."


def _passages(answer: Answer, full: bool) -> list[str]:
    lines = [bold("From the documents")]
    shown: Sequence[Hit] = answer.passages
    if not full:
        shown = answer.passages[: BESIDE if answer.diagnoses else ANSWERING]
    for number, hit in enumerate(shown):
        heading = hit.section[-1] if hit.section else PurePath(hit.source).name
        mark = "yours, " if hit.owner == "user" else ""
        lines += wrapped(f"{heading} ({mark}{hit.source}:{hit.line_start})", 3, "   ")
        most = OTHER_LINES if number or answer.diagnoses else FIRST_LINES
        lines += [dim(line) for line in lines_wrapped(hit.text, 6, None if full else most)]
        if hit.truth:
            lines += wrapped(f"Does not hold: {hit.truth}", 6)
    return [*lines, ""]


def _footer(answer: Answer, full: bool) -> list[str]:
    lines: list[str] = []
    if answer.diagnoses:
        first = answer.diagnoses[0]
        lines += _setting_asked(first)
        lines.append(f"Read on: ssl-doctor explain {first.entry.id}")
        if not full:
            lines += _left_out(answer)
    elif answer.passages and answer.passages[0].owner == "bundled":
        lines.append(f"Read on: ssl-doctor explain {PurePath(answer.passages[0].source).stem}")
    unknown = [check for check in answer.unchecked if check.state == "unknown"]
    if answer.verdict is not None and unknown:
        checks = "1 check lacks" if len(unknown) == 1 else f"{len(unknown)} checks lack"
        lines.append(f"{checks} numbers or names: --json lists them")
    return [dim(part) for line in lines for part in wrapped(line, 0)]


def _left_out(answer: Answer) -> list[str]:
    shown = _shown(answer, False)
    fixes = sum(len(one.fixes) for one in answer.diagnoses)
    fixes -= min(BRIEF_FIXES, len(_proposed(shown[0])))
    fixes -= sum(bool(_proposed(one)) for one in shown[1:])
    parts = [f"{fixes} more {'fix' if fixes == 1 else 'fixes'}"] if fixes else []
    if unlikely := len(answer.diagnoses) - len(shown):
        parts.append(f"{unlikely} less likely {'cause' if unlikely == 1 else 'causes'}")
    return [f"{' and '.join(parts)}, and all evidence: --full"] if parts else []


def _setting_asked(diagnosis: Diagnosis) -> list[str]:
    """Return how to turn a guessed setting into a known one."""
    guessed = next((one for one in diagnosis.evidence if one.claim == "candidate"), None)
    if guessed is None:
        return []
    names = [name for name in guessed.values if name not in _NOT_SETTINGS]
    if not names:
        return []
    asked = " ".join(f"--set {name}={guessed.values[name]}" for name in names)
    return [f"To be sure, say what it is in your run: {asked}"]


_NOT_SETTINGS = frozenset({"value", "expected", "form", "coincidence", "gathered"})
