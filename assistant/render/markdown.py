"""An Answer as Markdown, for notebooks, issues and notes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.answer import Answer, Diagnosis, Hit, RankedFix
from assistant.moved import Moved
from assistant.render.marks import MARKED
from assistant.render.moved import TITLE
from kb.plain_text import strip_controls


def to_markdown(answer: Answer) -> str:
    """Return the whole answer; text from outside is escaped so that it stays text."""
    lines = [f"# {_escaped(answer.query)}" if answer.query else "# Run", ""]
    if answer.verdict is not None:
        reasons = "".join(f"; {_escaped(reason)}" for reason in answer.reasons)
        lines += [f"Run: **{answer.verdict}**{reasons}", ""]
    if not answer.fits:
        lines += ["Nothing in the knowledge base fits this well enough to say.", ""]
        lines += [f"- near: {_code(topic.id)}: {_escaped(topic.title)}" for topic in answer.nearest]
    for number, diagnosis in enumerate(answer.diagnoses, 1):
        lines += _diagnosis(number, diagnosis)
    if answer.passages:
        lines += ["## From the documents", ""]
    for hit in answer.passages:
        lines += _passage(hit)
    if answer.next_measurement is not None:
        named = answer.next_measurement
        lines += ["", f"Measure next: {_code(named.metric)}: {_escaped(named.reason)}"]
    return "\n".join(lines).rstrip() + "\n"


def moves_to_markdown(moves: Sequence[Moved]) -> str:
    """Return what a run moved as a section below the answer; "" where nothing moved."""
    if not moves:
        return ""
    lines = [
        f"- {one.where}: {_escaped(one.title)} ({_escaped(one.why.rstrip('.'))})" for one in moves
    ]
    return "\n".join(["", f"## {TITLE}", "", *lines, ""])


def _diagnosis(number: int, diagnosis: Diagnosis) -> list[str]:
    entry = diagnosis.entry
    owner = "yours" if diagnosis.owner == "user" else entry.status
    lines = [
        f"## {number}. {_escaped(entry.title)}",
        "",
        f"{_code(entry.id)} ({owner}), {diagnosis.confidence:.0%} likely",
        "",
    ]
    lines += [f"- {_escaped(evidence.text)}" for evidence in diagnosis.evidence]
    lines += [
        f'- "{_escaped(item.passage)}" ({_code(f"{item.source}:{item.line_start}")}) '
        f"does not hold. {_escaped(item.truth)}"
        for item in diagnosis.contradictions
    ]
    lines.append("")
    lines += [_fix(place, fix) for place, fix in enumerate(diagnosis.fixes, 1)]
    return [*lines, ""]


def _fix(place: int, fix: RankedFix) -> str:
    parts = [f"{place}. **{_escaped(fix.title)}**"]
    if fix.change:
        parts.append(", ".join(_code(f"{key} = {value}") for key, value in fix.change.items()))
    if fix.cost:
        parts.append(f"({fix.cost})")
    if fix.already_applied:
        parts.append("already so in this run")
    if fix.mark:
        parts.append(MARKED[fix.mark.word])
    return " ".join(parts)


def _passage(hit: Hit) -> list[str]:
    place = _escaped(" > ".join(hit.section))
    source = _code(f"{hit.source}:{hit.line_start}")
    lines = [f"- {place} ({source}): {_escaped(hit.text)}"]
    if hit.truth:
        lines.append(f"  - does not hold: {_escaped(hit.truth)}")
    return lines


def _escaped(text: str) -> str:
    """Return `text` on one line with every character that Markdown or HTML reads escaped."""
    plain = " ".join(strip_controls(text).split())
    plain = re.sub(r"([\\`*_{}\[\]<>#|~!&$])", r"\\\1", plain)
    return re.sub(r"^(\d+)([.)])(?=\s|$)|^([-+])(?=\s|$)", r"\1\\\2\3", plain)


def _code(text: str) -> str:
    return "`" + " ".join(strip_controls(text).replace("`", "'").split()) + "`"
