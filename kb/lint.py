"""Catalogue lint: everything wrong with entries, with `file:line` and what was expected.

Run as `ssl-doctor check PATH...`; `python -m kb.lint` does the same without the rest.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

from kb.cases import Cases, Trace
from kb.catalogue import Catalogue
from kb.entry_reader import EntryFile
from kb.errors import InputUnreadable, nearest
from kb.evidence import Reference, is_reference_id, read_references
from kb.head import ENTRY_ID, MAX_TITLE
from kb.paths import CATALOGUE
from kb.problems import Problem
from kb.run import CONFIG_NAMES
from kb.signature import Signature, SignatureError, evaluate, parse
from kb.status import earned_status
from kb.tokens import tokenize
from kb.topics import topics
from kb.types import Entry
from kb.vocabulary import vocabulary

MIN_PHRASINGS = 8
MIN_QUERIES = 4
MAX_JACCARD = 0.6
"""Token overlap above which a test query merely repeats a phrasing that is indexed."""


def lint(catalogue: Catalogue, *, references: Mapping[str, Reference]) -> list[Problem]:
    """Return every problem of every entry, sorted by file and line."""
    found: list[Problem] = []
    for file in catalogue:
        found.extend(file.problems)
        found.extend(_Linter(file, references).problems())
    found.extend(_duplicates(catalogue))
    return sorted(set(found))


class _Linter:
    def __init__(self, file: EntryFile, references: Mapping[str, Reference]) -> None:
        self.file = file
        self.entry: Entry = file.entry
        self.cases: Cases = file.cases
        self.references = references
        self.lines = file.document.text.split("\n")
        self.found: list[Problem] = []

    def problems(self) -> list[Problem]:
        self._identity()
        self._names()
        signature = self._signature()
        self._fixes()
        self._references()
        self._cases(signature)
        return self.found

    def report(self, anchor: str, message: str) -> None:
        """Record a problem at the first line that holds `anchor`."""
        line = next((n for n, text in enumerate(self.lines, 1) if anchor and anchor in text), 1)
        self.found.append(Problem(self.file.document.path, line, message))

    def report_case(self, line: int, message: str) -> None:
        self.found.append(Problem(self.cases.path, line, message))

    def _identity(self) -> None:
        entry = self.entry
        path = Path(self.file.document.path)
        expected = f"{path.parent.name}/{path.stem}"
        if entry.id != expected:
            self.report("id:", f'id: found "{entry.id}", expected "{expected}" as in the path')
        if not ENTRY_ID.match(entry.id):
            self.report("id:", f'id: found "{entry.id}", expected family/name in lower case')
        if entry.id not in topics():
            self.report("id:", f'id: "{entry.id}" is not in topics.tsv{nearest(entry.id, topics())}')
        if entry.family != path.parent.name:
            self.report("family:", f'family: found "{entry.family}", expected "{path.parent.name}"')
        if len(entry.title) > MAX_TITLE:
            self.report("title:", f"title: {len(entry.title)} characters, expected {MAX_TITLE}")
        earned = earned_status(entry, self.references)
        if entry.status not in ("draft", earned):
            self.report("status:", f'status: found "{entry.status}", the evidence gives "{earned}"')

    def _names(self) -> None:
        known = vocabulary().names()
        for name in self.entry.metrics:
            if name not in known:
                self.report("metrics:", f'metrics: unknown "{name}"{nearest(name, known)}')
        if not self.entry.methods:
            self.report("methods:", "methods: expected at least one, or [any]")
        if not self.entry.symptoms:
            self.report("## Symptoms", "Symptoms: expected a bullet list")
        for neighbour in self.entry.tell_apart:
            if neighbour.entry_id not in topics():
                close = nearest(neighbour.entry_id, topics())
                self.report(
                    f"`{neighbour.entry_id}`", f'no topic "{neighbour.entry_id}"{close}'
                )
            if neighbour.entry_id == self.entry.id:
                self.report(f"- `{self.entry.id}`", "an entry cannot be its own neighbour")

    def _parse(self, source: str, what: str, anchor: str) -> Signature | None:
        try:
            return parse(source)
        except SignatureError as error:
            self.report(anchor, f"{what}: {error}")
            return None

    def _signature(self) -> Signature | None:
        if self.entry.signature is None:
            return None
        signature = self._parse(self.entry.signature, "signature", "signature:")
        for name in sorted(signature.metrics - set(self.entry.metrics)) if signature else ():
            self.report("metrics:", f'metrics: "{name}" is used by the signature and missing here')
        return signature

    def _fixes(self) -> None:
        seen: set[str] = set()
        for fix in self.entry.fixes:
            anchor = f"- id: {fix.id}"
            if fix.id in seen:
                self.report(anchor, f'fix id "{fix.id}" stands twice')
            seen.add(fix.id)
            if not fix.text:
                self.report(anchor, f'fix "{fix.id}" has no text in Suggested next steps')
            if fix.unless is not None:
                self._parse(fix.unless, f"unless of {fix.id}", anchor)
            for key, value in fix.change.items():
                if isinstance(value, str) and value.startswith("="):
                    self._parse(value[1:], f"change of {fix.id}: {key}", anchor)

    def _references(self) -> None:
        if not self.entry.references:
            self.report("references:", "references: expected at least one")
        for name in self.entry.references:
            if not is_reference_id(name):
                self.report(name, f'reference "{name}" has none of the forms of docs/catalogue.md')
            elif name not in self.references:
                self.report(name, f'reference "{name}" is not in kb/evidence/references.json')
        listed = re.findall(r"^- `([^`]+)`:", self._tail("## References"), re.MULTILINE)
        if listed != list(self.entry.references):
            self.report("## References", "References: the list differs from the head's references")

    def _tail(self, heading: str) -> str:
        return self.file.document.text.partition(f"\n{heading}\n")[2]

    def _cases(self, signature: Signature | None) -> None:
        cases = self.cases
        if len(cases.phrasings) < MIN_PHRASINGS:
            self.report_case(1, f"{len(cases.phrasings)} phrasings, expected {MIN_PHRASINGS}")
        if len(cases.queries) < MIN_QUERIES:
            self.report_case(1, f"{len(cases.queries)} queries, expected {MIN_QUERIES}")
        phrased = [(said, frozenset(tokenize(said.text))) for said in cases.phrasings]
        for query, (said, tokens) in product(cases.queries, phrased):
            asked = frozenset(tokenize(query.text))
            overlap = len(asked & tokens) / max(len(asked | tokens), 1)
            if overlap > MAX_JACCARD:
                message = f'query repeats the phrasing "{said.text}" (overlap {overlap:.2f})'
                self.report_case(query.span.start, message)
        if self.entry.signature is None and (cases.fires or cases.silent):
            self.report_case(1, "traces without a signature")
        if self.entry.signature is not None and not (cases.fires and cases.silent):
            self.report_case(1, "a signature needs traces that fire it and traces that do not")
        for trace in (*cases.fires, *cases.silent):
            self._trace_names(trace)
        if signature is not None:
            self._traces(signature)

    def _trace_names(self, trace: Trace) -> None:
        known = vocabulary().names()
        for name in trace.run.config:
            if name not in CONFIG_NAMES:
                close = nearest(name, CONFIG_NAMES)
                self.report_case(trace.line, f'trace: unknown config "{name}"{close}')
        for name in trace.run.series:
            if name not in known:
                close = nearest(name, known)
                self.report_case(trace.line, f'trace: unknown metric "{name}"{close}')

    def _traces(self, signature: Signature) -> None:
        for trace in self.cases.fires:
            verdict = evaluate(signature, trace.run)
            if verdict.state != "fired":
                missing = f", missing {', '.join(verdict.missing)}" if verdict.missing else ""
                self.report_case(
                    trace.line, f'trace "{trace.name}": {verdict.state}, expected fired{missing}'
                )
        for trace in self.cases.silent:
            if evaluate(signature, trace.run).state == "fired":
                self.report_case(trace.line, f'trace "{trace.name}": fired, expected silence')


def _duplicates(catalogue: Catalogue) -> Iterable[Problem]:
    owners: dict[str, str] = {}
    for file in catalogue:
        for name in (file.entry.id, *file.entry.aliases):
            first = owners.setdefault(name, file.document.path)
            if first != file.document.path:
                yield Problem(file.document.path, 1, f'"{name}" already names {first}')


def lint_paths(paths: Iterable[Path]) -> tuple[int, list[Problem]]:
    """Lint files and folders; return how many entries were read, and their problems."""
    files: list[Path] = []
    for path in paths:
        files += sorted(path.glob("**/*.md")) if path.is_dir() else [path]
    try:
        references = read_references()
    except InputUnreadable as error:
        return 0, [Problem(error.where, 1, error.message)]
    root = CATALOGUE.parent.parent
    catalogue = Catalogue.from_paths([path.resolve() for path in files], root=root)
    return len(catalogue), lint(catalogue, references=references)


def main(arguments: list[str]) -> int:
    """Print every problem; return 1 when there is one."""
    count, problems = lint_paths([Path(word) for word in arguments] or [CATALOGUE])
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stderr.write(f"{count} entries, {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
