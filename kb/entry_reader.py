"""Our own fixed format, read: one catalogue file and its cases -> a Document with one Entry."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kb.cases import Cases, read_cases
from kb.head import Head, corrections_of, fixes_of, read_head, status_of
from kb.plain_text import plain
from kb.problems import Problem
from kb.sections import HEADINGS, Block, Section, read_body
from kb.types import (
    Document,
    Entry,
    Fix,
    LineSpan,
    Neighbour,
    Owner,
    Passage,
    PassageKind,
)

MAX_BYTES = 1024 * 1024
"""Largest entry read; ours are under 20 KB."""

_STEP = re.compile(r"^\d+\. \*\*(?P<title>.+?)\*\*\s*(?P<text>.*)$", re.DOTALL)
_POINTER = re.compile(r"^- `(?P<id>[^`]+)`:\s*(?P<text>.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A catalogue file as read: its document, its cases, and everything wrong with either."""

    document: Document
    entry: Entry
    cases: Cases
    problems: tuple[Problem, ...]
    lines: Mapping[str, int] = field(default_factory=dict)
    """The 1-based line of each key path of the head, such as `fixes.2.cost`."""


def read_entry(path: Path, *, owner: Owner = "bundled", shown_as: str = "") -> EntryFile:
    """Read the entry at `path` and the cases beside it.

    Faults are collected, never raised, so that a lint can show all of them; a file that is
    not text yields an entry with its problems and no passages.
    """
    shown = shown_as or str(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise OSError(f"{path.stat().st_size} bytes, expected at most {MAX_BYTES}")
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        head = Head(shown, problems=[Problem(shown, 1, f"cannot be read as UTF-8 text: {error}")])
        source = ""
    else:
        head = read_head(source, shown)
    cases, problems = read_cases(
        path.with_suffix(".cases.yaml"), shown_as=shown.removesuffix(path.suffix) + ".cases.yaml"
    )
    body = list(enumerate(source.split("\n"), 1))[head.body_start - 1 :]
    title, sections = read_body(body)
    _check_headings(head, title, sections, body)
    builder = _Builder(head, {section.name: section for section in sections}, owner)
    entry = builder.entry(title, source.count("\n") + 1)
    passages = [replace(one, entry_id=entry.id) for one in builder.passages(entry, title, cases)]
    digest = hashlib.sha256((source + "\0" + _cases_text(cases)).encode()).hexdigest()
    document = Document(
        entry.id, shown, owner, "entry", entry.title, digest, source, tuple(passages), (entry,)
    )
    found = tuple(sorted([*head.problems, *problems]))
    return EntryFile(document, entry, cases, found, head.lines)


def _cases_text(cases: Cases) -> str:
    return "\0".join(said.text for said in cases.phrasings)


def _check_headings(
    head: Head, title: Block | None, sections: list[Section], body: list[tuple[int, str]]
) -> None:
    if title is None:
        head.problems.append(Problem(head.path, head.body_start, "found no # title below the head"))
    start = sections[0].line if sections else 0
    for number, line in body:
        if number < start and line.strip() and (title is None or number != title.span.start):
            message = (
                f'found "{line.strip()[:40]}" before the first heading, expected nothing there'
            )
            head.problems.append(Problem(head.path, number, message))
            break
    names = [section.name for section in sections]
    if names != list(HEADINGS):
        place = sections[0].line if sections else head.body_start
        head.problems.append(
            Problem(head.path, place, f"headings are {names}, expected {list(HEADINGS)} in order")
        )


class _Builder:
    """Turns checked head values and sections into the entry and its passages."""

    def __init__(self, head: Head, sections: dict[str, Section], owner: Owner) -> None:
        self.head = head
        self.sections = sections
        self.owner = owner

    def items(self, name: str) -> list[Block]:
        section = self.sections.get(name)
        return section.items() if section else []

    def entry(self, title: Block | None, lines: int) -> Entry:
        head = self.head
        identity, head_title = head.text("id"), head.text("title")
        if title and head_title and title.markdown != head_title:
            head.problems.append(
                Problem(head.path, title.span.start, "the # title differs from the head's title")
            )
        signature = head.values.get("signature")
        if signature is not None and not isinstance(signature, str):
            head.report("signature", f"signature: found {signature!r}, expected text or null")
            signature = None
        why = self.sections.get("Why it happens")
        return Entry(
            id=identity,
            title=head_title,
            family=head.text("family"),
            owner=self.owner,
            status=status_of(head),
            methods=head.texts("methods"),
            aliases=head.texts("aliases"),
            signature=" ".join(signature.split()) if signature else None,
            metrics=head.texts("metrics"),
            leads_to=head.texts("leads_to"),
            corrects=corrections_of(head),
            symptoms=tuple(plain(block.markdown[2:]) for block in self.items("Symptoms")),
            causes=tuple(plain(block.markdown) for block in why.paragraphs()) if why else (),
            fixes=self._fixes(),
            tell_apart=tuple(Neighbour(*pair) for pair in self._pointers("Tell it apart")),
            false_alarms=tuple(plain(block.markdown[2:]) for block in self.items("False alarms")),
            references=head.texts("references"),
            source=head.path,
            span=LineSpan(1, max(lines, 1)),
        )

    def _fixes(self) -> tuple[Fix, ...]:
        fixes, steps = fixes_of(self.head), self.items("Suggested next steps")
        found: list[Fix] = []
        if len(fixes) != len(steps):
            message = f"{len(fixes)} fixes in the head, {len(steps)} numbered items"
            self.head.report("fixes", message)
        for number, fix in enumerate(fixes):
            if number >= len(steps):
                found.append(fix)
                continue
            match = _STEP.match(steps[number].markdown)
            written = match["title"].rstrip(".") if match else ""
            if written != fix.title.rstrip("."):
                line = steps[number].span.start
                message = f'step {number + 1} is titled "{written}", the head says "{fix.title}"'
                self.head.problems.append(Problem(self.head.path, line, message))
            found.append(replace(fix, text=_dedent(match["text"]) if match else ""))
        return tuple(found)

    def _pointers(self, name: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for block in self.items(name):
            match = _POINTER.match(block.markdown)
            if match:
                found.append((match["id"], plain(match["text"])))
            else:
                message = f"{name}: expected - `id`: text"
                self.head.problems.append(Problem(self.head.path, block.span.start, message))
        return found

    def passages(self, entry: Entry, title: Block | None, cases: Cases) -> list[Passage]:
        where = title.span if title else LineSpan(1, 1)
        found = [Passage("title", "title", entry.title, where, markdown=f"# {entry.title}")]
        found += self._blocks("Symptoms", "symptom")
        for number, said in enumerate(cases.phrasings, 1):
            attributes = {"file": cases.path}
            key = f"phrasing-{number}"
            found.append(Passage(key, "phrasing", said.text, said.span, attributes=attributes))
        why = self.sections.get("Why it happens")
        for number, block in enumerate(why.paragraphs() if why else [], 1):
            found.append(
                _passage(f"cause-{number}", "cause", block, "Why it happens", block.markdown)
            )
        for fix, block in zip(entry.fixes, self.items("Suggested next steps"), strict=False):
            text = f"{fix.title}. {fix.text.split('```')[0]}"
            passage = _passage(f"fix-{fix.id}", "fix", block, "Suggested next steps", text)
            found.append(replace(passage, attributes={"fix": fix.id}))
        found += self._blocks("Tell it apart", "tell_apart")
        found += self._blocks("False alarms", "false_alarm")
        found += self._remarks()
        for number, correction in enumerate(entry.corrects, 1):
            line = self.head.line(f"corrects.{number - 1}")
            found.append(
                Passage(
                    f"correction-{number}",
                    "correction",
                    correction.claim,
                    LineSpan(line, line),
                    attributes={"truth": correction.truth},
                )
            )
        return found

    def _remarks(self) -> list[Passage]:
        """Return the paragraphs between and below the items, so that no sentence is lost."""
        remarks = [
            (name, block)
            for name, section in self.sections.items()
            if name != "Why it happens"
            for block in section.remarks()
        ]
        return [
            _passage(f"note-{number}", "note", block, name, block.markdown)
            for number, (name, block) in enumerate(remarks, 1)
        ]

    def _blocks(self, name: str, kind: PassageKind) -> list[Passage]:
        return [
            _passage(f"{kind.replace('_', '-')}-{number}", kind, block, name, block.markdown[2:])
            for number, block in enumerate(self.items(name), 1)
        ]


def _passage(key: str, kind: PassageKind, block: Block, section: str, text: str) -> Passage:
    return Passage(key, kind, plain(text), block.span, (section,), markdown=block.markdown)


def _dedent(text: str) -> str:
    return re.sub(r"^ {3}", "", text, flags=re.MULTILINE).strip()
