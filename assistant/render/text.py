"""An Answer for a terminal: what it is, why, and what to try, on one screen."""

from __future__ import annotations

from assistant.answer import Answer, Diagnosis, Hit, RankedFix
from assistant.render.layout import WIDTH, bold, dim, labelled, wrapped
from kb.plain_text import plain

BRIEF_FIXES = 3
BRIEF_EVIDENCE = 4
OPENING = 260
"""Characters of the first fix shown without --full: its measurement, usually."""
_COST = {
    "live": "while it runs",
    "resume": "stop, resume",
    "restart": "new run",
    "code": "code",
}


def render(answer: Answer, *, full: bool = False) -> str:
    """Return the answer as styled lines of at most 80 columns."""
    lines: list[str] = []
    if answer.verdict is not None:
        lines += _verdict(answer)
    if not answer.fits:
        lines += _nothing_fits(answer)
    for number, diagnosis in enumerate(answer.diagnoses, 1):
        lines += _diagnosis(number, diagnosis, brief=not full and number > 1, full=full)
        lines.append("")
    if answer.passages:
        lines += _passages(answer.passages, full)
    if answer.next_measurement is not None:
        reason = f"{answer.next_measurement.metric}: {answer.next_measurement.reason}"
        lines += [bold("Measure next"), *wrapped(reason, 3), ""]
    lines += _footer(answer, full)
    return "\n".join(lines).rstrip()


def _verdict(answer: Answer) -> list[str]:
    fired = [check.entry_id for check in answer.checked if check.state == "fired"]
    if fired:
        text = f"Run: {answer.verdict}. Its numbers show {', '.join(fired)}."
    else:
        text = f"Run: {answer.verdict}. {len(answer.checked)} checks made, none of them fired."
    return [*(bold(line) for line in wrapped(text, 0)), ""]


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


def _diagnosis(number: int, diagnosis: Diagnosis, *, brief: bool, full: bool) -> list[str]:
    entry = diagnosis.entry
    share = f"{diagnosis.confidence:4.0%}"
    heading = wrapped(entry.title, 3, f"{number}")
    heading = [bold(line) for line in heading]
    owner = "yours" if diagnosis.owner == "user" else "ssl-doctor"
    where = f"   {entry.id} · {entry.status} · {owner} · {share.strip()} likely"
    lines = [*heading, dim(where) if len(where) <= WIDTH else where]
    shown = diagnosis.evidence[: 1 if brief else None if full else BRIEF_EVIDENCE]
    lines += labelled("why", [evidence.text for evidence in shown])
    for item in diagnosis.contradictions:
        text = f'"{item.passage}" ({item.source}:{item.line_start}) does not hold: {item.truth}'
        lines += labelled("but", [text])
    fixes = diagnosis.fixes if full else diagnosis.fixes[: 1 if brief else BRIEF_FIXES]
    lines += labelled(
        "try", [_fix(position, fix, brief, full) for position, fix in enumerate(fixes, 1)]
    )
    return lines


def _fix(position: int, fix: RankedFix, brief: bool, full: bool) -> str:
    parts = [f"{position}. {fix.title}"]
    if full or (position == 1 and not brief):
        parts = [f"{position}. {fix.title}: {_opening(fix.text, whole=full)}"]
    if fix.change:
        parts.append("(" + ", ".join(f"{k} {v}" for k, v in fix.change.items()) + ")")
    if fix.cost:
        parts.append(f"[{_COST[fix.cost]}]")
    if fix.cure_rate:
        cured, seeds, low, high = fix.cure_rate
        parts.append(f"cured {cured} of {seeds} ({low:.0%} to {high:.0%})")
    if fix.already_applied:
        parts.append("already so in this run")
    return " ".join(parts)


def _opening(text: str, *, whole: bool) -> str:
    """Return the prose before any code block: all of it, or the sentences that fit."""
    prose = plain(text.split("```")[0])
    if whole or len(prose) <= OPENING:
        return prose
    cut = prose[:OPENING].rfind(". ")
    return prose[: cut + 1] if cut > 0 else prose[:OPENING].rsplit(" ", 1)[0] + " ..."


def _passages(passages: tuple[Hit, ...], full: bool) -> list[str]:
    lines = [bold("From the documents")]
    for hit in passages if full else passages[:3]:
        place = " > ".join(hit.section[-2:]) or hit.source
        mark = "yours, " if hit.owner == "user" else ""
        lines += wrapped(f"{place} ({mark}{hit.source}:{hit.line_start})", 3, "   ")
        text = hit.text if full or len(hit.text) < 400 else hit.text[:380].rsplit(" ", 1)[0] + " ..."
        lines += wrapped(text, 6, "      ")
        if hit.truth:
            lines += wrapped(f"Does not hold: {hit.truth}", 6, "      ")
    return [*lines, ""]


def _footer(answer: Answer, full: bool) -> list[str]:
    lines: list[str] = []
    if answer.diagnoses:
        first = answer.diagnoses[0].entry.id
        lines.append(dim(f"Read on: ssl-doctor explain {first}"))
        cut = sum(len(d.fixes) for d in answer.diagnoses) - BRIEF_FIXES - len(answer.diagnoses) + 1
        if not full and cut > 0:
            lines.append(dim(f"{cut} more fixes and the rest of the evidence: --full"))
    unknown = [check for check in answer.unchecked if check.state == "unknown"]
    if answer.verdict is not None and unknown:
        lines.append(dim(f"{len(unknown)} checks had numbers missing: --json lists them"))
    return lines
