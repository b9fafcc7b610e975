"""An Answer as Markdown, for notebooks, issues and notes."""

from __future__ import annotations

import re

from assistant.answer import Answer, Diagnosis


def to_markdown(answer: Answer) -> str:
    """Return the whole answer; text from outside is escaped so that it stays text."""
    lines = [f"# {_escaped(answer.query)}", ""]
    if answer.verdict is not None:
        lines += [f"Run: **{answer.verdict}**", ""]
    if not answer.fits:
        lines += ["Nothing in the knowledge base fits this well enough to say.", ""]
        lines += [f"- near: `{topic.id}`: {_escaped(topic.title)}" for topic in answer.nearest]
    for number, diagnosis in enumerate(answer.diagnoses, 1):
        lines += _diagnosis(number, diagnosis)
    if answer.passages:
        lines += ["## From the documents", ""]
    for hit in answer.passages:
        place = " > ".join(hit.section)
        lines += [f"- {_escaped(place)} (`{hit.source}:{hit.line_start}`): {_escaped(hit.text)}"]
        if hit.truth:
            lines += [f"  - does not hold: {_escaped(hit.truth)}"]
    if answer.next_measurement is not None:
        named = answer.next_measurement
        lines += ["", f"Measure next: `{named.metric}`: {_escaped(named.reason)}"]
    return "\n".join(lines).rstrip() + "\n"


def _diagnosis(number: int, diagnosis: Diagnosis) -> list[str]:
    entry = diagnosis.entry
    owner = ", yours" if diagnosis.owner == "user" else ""
    lines = [
        f"## {number}. {_escaped(entry.title)}",
        "",
        f"`{entry.id}` ({entry.status}{owner}), {diagnosis.confidence:.0%} likely",
        "",
    ]
    lines += [f"- {_escaped(evidence.text)}" for evidence in diagnosis.evidence]
    for item in diagnosis.contradictions:
        lines.append(
            f"- {_escaped(item.passage)} (`{item.source}:{item.line_start}`) does not hold: "
            f"{_escaped(item.truth)}"
        )
    lines.append("")
    lines += [
        f"{position}. **{_escaped(fix.title)}** {_escaped(fix.cost or '')}".rstrip()
        for position, fix in enumerate(diagnosis.fixes, 1)
    ]
    return [*lines, ""]


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", text)
