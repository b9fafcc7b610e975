"""A report as lines for a terminal: at most 80 columns, only paths and ids may be longer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ingest.report import FileResult, Refuted, Report

WIDTH = 80
BRIEF = 3
"""Corrections and near entries shown of each file without `--report`."""


def lines(report: Report, *, full: bool) -> Iterator[str]:
    """Yield what a user sees of a report; `full` adds counts, coverage and unchanged files."""
    for file in report.files:
        if file.outcome == "failed" or (file.outcome == "unchanged" and not full):
            continue
        yield f"{_verb(file, report):<11}{file.path}"
        if full:
            yield from _found(file)
        shown = list(_near(file, full)) + list(_refuted(file, full))
        yield from shown
        if shown and not full and _hidden(file):
            yield from _wrapped(f"and {_hidden(file)} more; --report shows all", "  ")
        if shown:
            yield ""
    yield _summary(report)


def _verb(file: FileResult, report: Report) -> str:
    if not report.dry_run:
        return file.outcome
    return {"added": "new", "updated": "changed"}.get(file.outcome, file.outcome)


def _found(file: FileResult) -> Iterator[str]:
    """Yield how a file was read, what was found in it and how much of it."""
    if not file.counts:
        return
    counts = {name: count for name, count in file.counts.items() if count}
    total, covered = file.counts.get("lines", 0), file.counts.get("lines_covered", 0)
    parts = [f"{name.replace('_', ' ')} {counts[name]}" for name in counts if name not in _LINES]
    languages = [name.removeprefix("code.") for name in counts if name.startswith("code.")]
    if languages:
        parts = [part for part in parts if not part.startswith("code.")]
        inside = ", ".join(f"{name} {counts[f'code.{name}']}" for name in languages)
        parts = [f"{part} ({inside})" if part.startswith("code ") else part for part in parts]
    dialect = file.dialect.replace("_", " ")
    yield from _wrapped(f"read as {dialect}: {', '.join(parts) or 'no passages'}", "  ")
    # Rounded down: 99.6% is not all of it.
    share = 100 * covered // total if total else 100
    unread = "; ".join(str(a) if a == b else f"{a}-{b}" for a, b in file.unparsed)
    rest = f"; not understood: lines {unread}" if unread else ""
    yield from _wrapped(f"coverage {share}% ({covered} of {total} lines with text){rest}", "  ")


_LINES = ("lines", "lines_covered")


def _near(file: FileResult, full: bool) -> Iterator[str]:
    if not file.near:
        return
    yield "  close to what is here already (ssl-doctor explain ID shows it):"
    for near in file.near if full else file.near[:BRIEF]:
        own = near.entry_id.rpartition("/")[2]
        line = f"    {own} ~ {near.near} ({near.similarity:.2f})"
        if len(line) <= WIDTH:
            yield line
        else:
            yield f"    {own}"
            yield f"      ~ {near.near} ({near.similarity:.2f})"


def _refuted(file: FileResult, full: bool) -> Iterator[str]:
    groups = _grouped(file)
    if not groups:
        return
    yield f"  {_many(len(groups), 'statement')} that an entry here corrects:"
    for group in groups if full else groups[:BRIEF]:
        first = group[0]
        places = dict.fromkeys(str(one.line) for one in group)
        word = "line" if len(places) == 1 else "lines"
        yield from _wrapped(f"{word} {', '.join(places)}: “{first.passage}”", "    ", "      ")
        yield from _wrapped(first.truth, "      ")
        yield f"      ssl-doctor explain {first.entry_id}"


def _grouped(file: FileResult) -> list[list[Refuted]]:
    """Return the corrected passages, those with one correction together."""
    groups: dict[tuple[str, str], list[Refuted]] = {}
    for one in file.refuted:
        groups.setdefault((one.entry_id, one.truth), []).append(one)
    return list(groups.values())


def _hidden(file: FileResult) -> int:
    return max(len(file.near) - BRIEF, 0) + max(len(_grouped(file)) - BRIEF, 0)


def _summary(report: Report) -> str:
    if report.dry_run:
        counted = [("to add", "added"), ("to update", "updated")]
        start = "dry run, nothing written: "
    else:
        counted = [("added", "added"), ("updated", "updated")]
        start = ""
    rest = [("unchanged", "unchanged"), ("unreadable", "failed")]
    parts = [f"{report.count(outcome)} {word}" for word, outcome in [*counted, *rest]]  # type: ignore[arg-type]
    shown = [part for part in parts if not part.startswith("0 ")] or ["nothing to do"]
    return start + ", ".join(shown)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    """Break text at spaces; a path or word that is longer than a line stays whole."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_long_words=False,
        break_on_hyphens=False,
    )
