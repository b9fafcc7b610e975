"""Post-mortems: one failed run, its causes with evidence, solutions, signs and a checklist."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ingest.markdown.block import Block
from ingest.markdown.entries import EntryParts, build_entry, fix_title, write_points
from ingest.markdown.labels import Role, role_of
from ingest.markdown.names import number_of, without_number
from ingest.markdown.outline import Run, Section, points, runs, sections
from ingest.markdown.page import Page, Reading
from ingest.markdown.prose import Style, write_blocks
from ingest.markdown.writer import Writer
from kb.types import Fix, LineSpan, PassageKind

NAME = "post_mortem"
THRESHOLD = 0.5
"""Half of the features below; a method document has two at most."""

_ROOT_CAUSE = re.compile(
    r"root[- ]causes?|post-?mortem|incident|what went wrong|why\b.*\b(?:fail|collaps|diverg|stuck)",
    re.I,
)
_SOLUTION = re.compile(r"(?:solution|fix|remedy|action|step)\s+\d", re.I)
_OPTION = re.compile(r"option\s+\w+", re.I)
_SUMMARY = re.compile(r"summary|tl;?dr|conclusions?|recap|takeaways?", re.I)
_WHY = re.compile(
    r"why\s+(?!it\b|this\b|that\b)(?:did |does |do |is |was )?(?:the |our |my )?", re.I
)
_INHERITED: tuple[Role, ...] = ("expectation", "checklist", "fix", "cause")


def score(blocks: Sequence[Block]) -> float:
    """Return the share of what a post-mortem has: causes, evidence, solutions, signs, checks."""
    headings = [block.title for block in blocks if block.kind == "heading"]
    labels = {role_of(run.label) for run in runs(blocks) if run.opening}
    features = (
        any(_ROOT_CAUSE.search(title) for title in headings),
        any(_is_cause(section) for section in sections(blocks)),
        any(_SOLUTION.match(title) for title in headings),
        "happened" in labels or "evidence" in labels,
        bool(labels & {"good", "bad"}),
        "expectation" in labels or "checklist" in labels,
    )
    return sum(features) / len(features)


def read(page: Page) -> Reading:
    """Write one entry for the file and every part of the analysis as passages of it."""
    reader = _Reader(page)
    for section in sections(page.blocks):
        reader.section(section)
    span = LineSpan(page.blocks[0].span.start, max(block.span.end for block in page.blocks))
    entry = build_entry(page, reader.entry_id, page.title, reader.parts, span, aliases=(page.stem,))
    return Reading(reader.out.passages(), (entry,))


class _Reader:
    """Reads section after section, each according to its heading and its labels."""

    def __init__(self, page: Page) -> None:
        self.out = Writer(page)
        self.entry_id = self.out.entry_id(page.title)
        self.parts = EntryParts()

    def section(self, section: Section) -> None:
        """Write a section as a cause, a solution, or by the roles of its labelled runs."""
        heading = section.heading
        if heading and _is_cause(section):
            self.cause(heading, section.body)
        elif heading and _SOLUTION.match(heading.title):
            self.solution(heading, section.body)
        else:
            self.other(section)

    def cause(self, heading: Block, body: Sequence[Block]) -> None:
        """Write a cause: what happened and the evidence as evidence, the reasons as cause."""
        title, style = self.numbered("cause", heading)
        reasons: list[str] = []
        for run in runs(body):
            role = role_of(run.label)
            opening = (run.opening,) if run.opening else ()
            kind: PassageKind = "section"
            if role in ("happened", "evidence"):
                kind = "evidence"
            elif role in ("cause", "problem"):
                kind = "cause"
                reasons += [point.text for point in points(run.body)[0]]
            code: PassageKind = "evidence" if role == "evidence" else "code"
            write_blocks(self.out, (*opening, *run.body), replace(style, kind=kind, code=code))
        self.parts.causes.append(f"{title}: {'; '.join(reasons)}" if reasons else title)

    def solution(self, heading: Block, body: Sequence[Block]) -> None:
        """Write a solution: its text and its commands, and keep it as a fix of the entry."""
        number = number_of(heading.title) or str(len(self.parts.fixes) + 1)
        if any(fix.id == number for fix in self.parts.fixes):
            number = f"{number}-{len(self.parts.fixes) + 1}"
        title, style = self.numbered("fix", heading, number)
        write_blocks(self.out, body, style)
        shown = [b.flow if b.prose else b.text for b in body if b.kind != "rule"]
        self.parts.fixes.append(Fix(number, fix_title(title), "\n".join((title, *shown))))

    def numbered(self, kind: PassageKind, heading: Block, number: str = "") -> tuple[str, Style]:
        """Write the heading of a cause or solution; return its title and style."""
        title = without_number(heading.title) or heading.title
        attributes: dict[str, str] = {kind: number or number_of(heading.title)}
        style = Style(kind=kind, entry_id=self.entry_id, attributes=attributes, claims=True)
        self.out.add(
            kind,
            title,
            heading.span,
            heading.section,
            entry_id=self.entry_id,
            attributes=attributes,
        )
        return title, style

    def other(self, section: Section) -> None:
        """Write any other section run by run; a label's role goes before the heading's."""
        style = Style(entry_id=self.entry_id, claims=True)
        topic = self.heading(section.heading, style) if section.heading else None
        if section.heading and _OPTION.match(section.heading.title):
            style = replace(style, attributes={"option": section.heading.title})
        summary = any(_SUMMARY.search(title) for title in section.path)
        for run in runs(section.body):
            self.run(run, role_of(run.label) or topic, style, summary)

    def heading(self, heading: Block, style: Style) -> Role | None:
        """Write a heading; return the role it, or a heading above it, gives to its section."""
        why = _WHY.match(heading.title)
        if heading.level > 1 and why:
            symptom = without_number(heading.title[why.end() :])
            self.parts.symptoms.append(symptom)
            self.out.add("symptom", symptom, heading.span, heading.section, entry_id=self.entry_id)
        else:
            write_blocks(self.out, [heading], style)
        if heading.level == 1:
            return None
        own = role_of(without_number(heading.title))
        above = [role_of(without_number(title)) for title in reversed(heading.section[1:-1])]
        return own or next((role for role in above if role in _INHERITED), None)

    def run(self, run: Run, role: Role | None, style: Style, summary: bool) -> None:
        """Write one labelled run: lists of signs, checks and the like point by point."""
        labelled = {**style.attributes, **({"label": run.label} if run.label else {})}
        if role in ("good", "bad"):
            self.points(run, replace(style, kind="sign", attributes={"sign": role}))
        elif role == "expectation":
            expected = replace(style, kind="expectation", code="expectation", attributes=labelled)
            self.points(run, expected)
        elif role == "checklist":
            self.points(run, replace(style, kind="checklist", code="expectation"))
        elif role == "symptom":
            self.points(run, replace(style, kind="symptom"), self.parts.symptoms.append)
        elif role == "cause":
            keep = None if summary else self.parts.causes.append
            self.points(run, replace(style, kind="cause"), keep)
        elif role == "fix":
            self.points(run, replace(style, kind="fix"))
        else:
            kinds: Mapping[Role | None, PassageKind] = {
                "problem": "symptom",
                "evidence": "evidence",
                "happened": "evidence",
            }
            opening = (run.opening,) if run.opening else ()
            kind = kinds.get(role, "section")
            write_blocks(self.out, (*opening, *run.body), replace(style, kind=kind))

    def points(self, run: Run, style: Style, keep: Callable[[str], object] | None = None) -> None:
        def kept(text: str) -> Mapping[str, str]:
            if keep:
                keep(text)
            return {}

        rest = write_points(self.out, run, style, kept)
        write_blocks(self.out, rest, style)


def _is_cause(section: Section) -> bool:
    """Say whether a numbered section tells what happened, why, and how one knows."""
    if not section.heading or not number_of(section.heading.title):
        return False
    roles = {role_of(run.label) for run in runs(section.body) if run.opening}
    return "happened" in roles or {"cause", "evidence"} <= roles
