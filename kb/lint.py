"""Catalogue lint: everything wrong with entries, with `file:line` and what was expected.

Run as `ssl-doctor check PATH...`; `python -m kb.lint` does the same without the rest.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from itertools import product, zip_longest
from pathlib import Path

from kb.cases import Cases, Trace
from kb.catalogue import Catalogue
from kb.entry_reader import EntryFile
from kb.errors import InputUnreadable, nearest
from kb.evidence import Reference, is_reference_id, read_references
from kb.head import ENTRY_ID, MAX_TITLE
from kb.method_names import known_methods
from kb.paths import CATALOGUE
from kb.problems import Problem
from kb.run import CONFIG_NAMES
from kb.signature import Kind, Signature, SignatureError, evaluate, parse
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
    """The checks of one entry that need more than its own two files."""

    def __init__(self, file: EntryFile, references: Mapping[str, Reference]) -> None:
        self.file = file
        self.entry: Entry = file.entry
        self.cases: Cases = file.cases
        self.references = references
        self.found: list[Problem] = []

    def problems(self) -> list[Problem]:
        """Return what is wrong; nothing about a head or cases that could not be read at all."""
        if self.file.lines:
            self._identity()
            self._names()
            signature = self._signature()
            self._fixes(signature)
            self._references()
            if self.cases.lines:
                self._cases()
                if signature is not None:
                    self._traces(signature)
        return self.found

    def report(self, key: str, message: str) -> None:
        """Record a problem at the line of a head key, or of the nearest key around it."""
        while key and key not in self.file.lines:
            key = key.rpartition(".")[0]
        line = self.file.lines.get(key, 1)
        self.found.append(Problem(self.file.document.path, line, message))

    def report_body(self, start: str, message: str) -> None:
        """Record a problem at the first line that begins with `start`."""
        lines = self.file.document.text.split("\n")
        line = next((n for n, text in enumerate(lines, 1) if text.startswith(start)), 1)
        self.found.append(Problem(self.file.document.path, line, message))

    def report_case(self, line: int, message: str) -> None:
        """Record a problem of the cases file."""
        self.found.append(Problem(self.cases.path, line, message))

    def _identity(self) -> None:
        entry = self.entry
        path = Path(self.file.document.path)
        expected = f"{path.parent.name}/{path.stem}"
        if entry.id != expected:
            self.report("id", f'id: found "{entry.id}", expected "{expected}" as in the path')
        if not ENTRY_ID.match(entry.id):
            self.report("id", f'id: found "{entry.id}", expected family/name in lower case')
        if entry.id not in topics():
            self.report("id", f'id: "{entry.id}" is not in topics.tsv{nearest(entry.id, topics())}')
        if entry.family != path.parent.name:
            self.report("family", f'family: found "{entry.family}", expected "{path.parent.name}"')
        if len(entry.title) > MAX_TITLE:
            found = len(entry.title)
            self.report("title", f"title: found {found} characters, expected at most {MAX_TITLE}")
        earned = earned_status(entry, self.references)
        if entry.status not in ("draft", earned):
            self.report("status", f'status: found "{entry.status}", the evidence gives "{earned}"')

    def _names(self) -> None:
        known = vocabulary().names()
        for number, name in enumerate(self.entry.metrics):
            if name not in known:
                message = f'metrics: unknown "{name}"{nearest(name, known)}'
                self.report(f"metrics.{number}", message)
        methods = ("any", *known_methods())
        for number, name in enumerate(self.entry.methods):
            if name not in methods:
                message = f'methods: unknown "{name}"{nearest(name, methods)}'
                self.report(f"methods.{number}", message)
        for number, name in enumerate(self.entry.leads_to):
            if name not in topics() or name == self.entry.id:
                message = f'leads_to: no other topic "{name}"{nearest(name, topics())}'
                self.report(f"leads_to.{number}", message)
        if not self.entry.methods:
            self.report("methods", "methods: found none, expected at least one, or [any]")
        if not self.entry.symptoms:
            self.report_body("## Symptoms", "Symptoms: found no bullet, expected a list")
        for neighbour in self.entry.tell_apart:
            start = f"- `{neighbour.entry_id}`"
            if neighbour.entry_id not in topics():
                close = nearest(neighbour.entry_id, topics())
                self.report_body(start, f'Tell it apart: no topic "{neighbour.entry_id}"{close}')
            if neighbour.entry_id == self.entry.id:
                self.report_body(start, "Tell it apart: an entry cannot be its own neighbour")

    def _parse(self, key: str, what: str, source: str, kind: Kind) -> Signature | None:
        try:
            signature = parse(source)
        except SignatureError as error:
            self.report(key, f"{what}: {error}")
            return None
        if signature.kind != kind:
            wanted = "a comparison" if kind == "truth" else "a number"
            self.report(key, f'{what}: found "{source.strip()}", expected {wanted}')
            return None
        return signature

    def _signature(self) -> Signature | None:
        if self.entry.signature is None:
            return None
        signature = self._parse("signature", "signature", self.entry.signature, "truth")
        for name in sorted(signature.metrics - set(self.entry.metrics)) if signature else ():
            self.report("metrics", f'metrics: "{name}" is used by the signature and missing here')
        return signature

    def _fixes(self, signature: Signature | None) -> None:
        seen: set[str] = set()
        for number, fix in enumerate(self.entry.fixes):
            key = f"fixes.{number}"
            if fix.id in seen:
                self.report(f"{key}.id", f'fix id: "{fix.id}" stands twice')
            seen.add(fix.id)
            if not fix.text:
                self.report(key, f'fix "{fix.id}" has no text in Suggested next steps')
            if fix.unless is not None:
                self._unless(f"{key}.unless", f"unless of {fix.id}", fix.unless, signature)
            for name, value in fix.change.items():
                if isinstance(value, str) and value.startswith("="):
                    what = f"change of {fix.id}: {name}"
                    self._parse(f"{key}.change.{name}", what, value[1:], "number")

    def _unless(self, key: str, what: str, source: str, signature: Signature | None) -> None:
        unless = self._parse(key, what, source, "truth")
        if unless is None:
            return
        if not unless.metrics | unless.config:
            self.report(key, f"{what}: found no metric and no config name, expected one")
        if signature is not None and ast.dump(unless.tree) == ast.dump(signature.tree):
            self.report(key, f"{what}: repeats the signature, so the fix would never be proposed")

    def _references(self) -> None:
        held = self.entry.references
        if not held:
            self.report("references", "references: found none, expected at least one")
        for number, name in enumerate(held):
            if not is_reference_id(name):
                message = f'reference "{name}" has none of the forms of docs/catalogue.md'
                self.report(f"references.{number}", message)
            elif name not in self.references:
                close = nearest(name, self.references)
                message = f'reference "{name}" is not in kb/evidence/references.json{close}'
                self.report(f"references.{number}", message)
        tail = self.file.document.text.partition("\n## References\n")[2]
        listed = re.findall(r"^- `([^`]+)`:", tail, re.MULTILINE)
        for below, above in zip_longest(listed, held, fillvalue="nothing"):
            if below != above:
                message = f'References: found "{below}", expected "{above}" as in the head'
                self.report_body("## References", message)
                break

    def _cases(self) -> None:
        cases = self.cases
        for name, said, least in (
            ("phrasings", cases.phrasings, MIN_PHRASINGS),
            ("queries", cases.queries, MIN_QUERIES),
        ):
            if len(said) < least:
                line = cases.lines.get(name, 1)
                self.report_case(line, f"{name}: found {len(said)}, expected at least {least}")
        self._overlaps()
        traced = "fires" if cases.fires else "silent"
        if self.entry.signature is None and (cases.fires or cases.silent):
            self.report_case(cases.lines.get(traced, 1), f"{traced}: traces without a signature")
        for name, traces in (("fires", cases.fires), ("silent", cases.silent)):
            if self.entry.signature is not None and not traces:
                line = cases.lines.get(name, 1)
                self.report_case(line, f"{name}: found no trace, expected one for the signature")
        for trace in (*cases.fires, *cases.silent):
            self._trace_names(trace)

    def _overlaps(self) -> None:
        phrased = [(said, frozenset(tokenize(said.text))) for said in self.cases.phrasings]
        for query, (said, tokens) in product(self.cases.queries, phrased):
            asked = frozenset(tokenize(query.text))
            overlap = len(asked & tokens) / max(len(asked | tokens), 1)
            if overlap > MAX_JACCARD:
                message = f'query repeats the phrasing "{said.text}" (overlap {overlap:.2f})'
                self.report_case(query.span.start, message)

    def _trace_names(self, trace: Trace) -> None:
        known = vocabulary().names()
        for name in trace.run.config:
            if name not in CONFIG_NAMES:
                close = nearest(name, CONFIG_NAMES)
                self.report_case(trace.line, f'trace: unknown config "{name}"{close}')
        if trace.unmatched_steps:
            self.report_case(trace.line, "trace: steps match the length of none of its metrics")
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
        path = file.document.path
        names = [("id", file.entry.id)]
        names += [(f"aliases.{number}", name) for number, name in enumerate(file.entry.aliases)]
        for key, name in names:
            line = file.lines.get(key, 1)
            if name in owners:
                yield Problem(path, line, f'"{name}" already names {owners[name]}')
            elif key != "id" and name in topics():
                yield Problem(path, line, f'alias "{name}" is the id of another topic')
            if name:
                owners.setdefault(name, path)


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
