"""Labelled runs of blocks -> the parts of an entry and their passages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ingest.markdown.block import Block
from ingest.markdown.labels import Role
from ingest.markdown.names import undecorated, unticked
from ingest.markdown.outline import Point, Run, nested_code, points
from ingest.markdown.page import Page
from ingest.markdown.prose import Style, write_blocks, write_meta, write_text
from ingest.markdown.writer import Writer
from kb.types import Entry, Fix, LineSpan, PassageKind

TITLE_LENGTH = 120
"""Longest title of a fix, a choice; a longer step is titled by its first sentence."""

_KINDS: dict[Role, PassageKind] = {
    "symptom": "symptom",
    "cause": "cause",
    "problem": "cause",
    "fix": "fix",
    "reference": "reference",
}


@dataclass(slots=True)
class EntryParts:
    """What has been read of an entry so far."""

    symptoms: list[str] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)
    references: list[str] = field(default_factory=list)

    def take(self, role: Role, text: str) -> dict[str, str]:
        """Keep one point; return the attributes of its passage."""
        if role == "symptom":
            self.symptoms.append(text)
        elif role in ("cause", "problem"):
            self.causes.append(text)
        elif role == "reference":
            self.references.append(text)
        elif role == "fix":
            number = str(len(self.fixes) + 1)
            self.fixes.append(Fix(number, fix_title(text), text))
            return {"fix": number}
        return {}

    def attach(self, label: str, blocks: Sequence[Block]) -> str:
        """Add code to the last fix, or make a fix of it; return that fix's id."""
        code = "\n".join(block.text for block in blocks if block.kind in ("fence", "indented"))
        if not self.fixes:
            self.take("fix", label)
        last = self.fixes[-1]
        if code not in last.text:
            self.fixes[-1] = replace(last, text=f"{last.text}\n{code}")
        return last.id


def write_run(out: Writer, run: Run, role: Role | None, style: Style, parts: EntryParts) -> None:
    """Write a labelled list point by point, anything else as text of the entry."""
    if role not in _KINDS:
        opening = (run.opening,) if run.opening else ()
        write_blocks(out, (*opening, *run.body), style)
        return
    kind = replace(style, kind=_KINDS[role])
    code = write_points(out, run, kind, lambda text: parts.take(role, text))
    if role == "fix" and any(block.kind in ("fence", "indented") for block in code):
        fix = parts.attach(run.label, code)
        style = replace(style, attributes={**style.attributes, "fix": fix})
    write_blocks(out, code, style)


def write_points(
    out: Writer, run: Run, style: Style, keep: Callable[[str], Mapping[str, str]]
) -> list[Block]:
    """Write each point of a run as a passage; return the blocks that are passages of their own.

    `keep` is given the text of each point and returns the attributes of its passage.
    """
    found, others = points(run.body)
    if run.opening:
        found = write_opening(out, run.opening, style) + found
    for point in found:
        text = unticked(point.text.strip())
        attributes = dict(keep(text)) if text else {}
        if point.blocks[0].checked is not None:
            attributes["checked"] = "true" if point.blocks[0].checked else "false"
        write_text(out, text, point.span, point.blocks[0], style, attributes=attributes)
    return sorted([*others, *nested_code(found)], key=lambda block: block.span.start)


def write_opening(out: Writer, opening: Block, style: Style) -> list[Point]:
    """Cover a label; return the text on its own line as the first point of the list."""
    if opening.kind != "heading" and opening.rest:
        return [Point((replace(opening, text=opening.rest, label="", rest=""),))]
    write_meta(out, opening, "label", style.entry_id)
    return []


def fix_title(text: str) -> str:
    """Return a step as a title: its first line, without the full stop."""
    line = text.split("\n", 1)[0].strip()
    if len(line) > TITLE_LENGTH:
        line = line[:TITLE_LENGTH].rpartition(". ")[0] or line[:TITLE_LENGTH].rpartition(" ")[0]
    return undecorated(line.rstrip(".;, ")) or "untitled"


def build_entry(
    page: Page,
    entry_id: str,
    title: str,
    parts: EntryParts,
    span: LineSpan,
    *,
    aliases: Sequence[str] = (),
) -> Entry:
    """Return the entry; what a foreign document claims is a draft whatever it says."""
    return Entry(
        id=entry_id,
        title=title,
        family=page.stem,
        owner=page.owner,
        status="draft",
        aliases=tuple(aliases),
        symptoms=tuple(parts.symptoms),
        causes=tuple(parts.causes),
        fixes=tuple(parts.fixes),
        references=tuple(parts.references),
        source=page.path,
        span=span,
    )
