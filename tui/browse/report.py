"""What an ingest did, as blocks: each file with what was found, corrected, or refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from textual.content import Content

from tui.plain import shown_line
from tui.widgets.page import Block

if TYPE_CHECKING:
    from ingest.report import FileResult, Outcome, Report

SIGNS: Mapping[Outcome, tuple[str, str]] = {
    "added": ("✓", "$text-success"),
    "updated": ("✓", "$text-success"),
    "unchanged": ("○", "dim"),
    "failed": ("✗", "$text-error"),
}
MOST_FILES = 300
"""Files told one by one; a vault may have thousands, and `ingest --report` tells them all."""


def report_blocks(report: Report) -> list[Block]:
    """Return the summary, then files that failed, changed, and stayed as they were."""
    order: tuple[Outcome, ...] = ("failed", "updated", "added", "unchanged")
    files = sorted(report.files, key=lambda file: order.index(file.outcome))
    blocks = [Block(_summary(report))]
    for file in files[:MOST_FILES]:
        blocks += _file(file)
    if len(files) > MOST_FILES:
        more = f"… and {len(files) - MOST_FILES:,} more: ssl-doctor ingest PATH --report"
        blocks.append(Block(Content.styled(more, "dim"), space=True))
    return blocks


def _summary(report: Report) -> Content:
    words = {"added": "added", "updated": "updated", "unchanged": "unchanged", "failed": "refused"}
    parts = [
        Content.styled(f"{count} {word}", f"{SIGNS[outcome][1]} bold")  # type: ignore[index]
        for outcome, word in words.items()
        if (count := report.count(outcome))  # type: ignore[arg-type]
    ]
    return Content(", ").join(parts) if parts else Content.styled("nothing to do", "dim")


def _file(file: FileResult) -> Iterator[Block]:
    sign, colour = SIGNS[file.outcome]
    lead = Content.styled(f"{sign} ", colour)
    name = Content.styled(shown_line(PurePath(file.path).name), "bold")
    yield Block(Content("").join([name, " ", file.outcome]), lead, 2, space=True)
    if file.error:
        yield Block(Content.styled(shown_line(file.error, 2000), "$text-error"), "  ", 2)
        return
    if found := _found(file):
        yield Block(Content.styled(found, "dim"), "  ", 2)
    for one in file.near[:3]:
        own = shown_line(one.entry_id.rpartition("/")[2])
        said = f"{own} says nearly what {shown_line(one.near)} says ({one.similarity:.2f})"
        yield Block(Content(said), Content.styled("  ≈ ", "$text-accent"), 4)
    told: set[str] = set()
    for wrong in file.refuted:
        if wrong.truth in told or len(told) == 3:
            continue
        told.add(wrong.truth)
        first = Content.styled("  ✗ ", "$text-error")
        said = f"line {wrong.line}: “{shown_line(wrong.passage, 160)}” does not hold."
        yield Block(Content(said), first, 4)
        yield Block(Content.styled(shown_line(wrong.truth, 600), "dim"), "    ", 4)


def _found(file: FileResult) -> str:
    """Return how a file was read, what was found in it, and how much of it was understood."""
    if not file.counts:
        return ""
    skipped = ("lines", "lines_covered")
    counts = [
        f"{name.replace('_', ' ')} {count}"
        for name, count in file.counts.items()
        if count and name not in skipped and not name.startswith("code.")
    ]
    total, covered = file.counts.get("lines", 0), file.counts.get("lines_covered", 0)
    # Rounded down: 99.6% is not all of it.
    share = 100 * covered // total if total else 100
    read = f"read as {file.dialect.replace('_', ' ')}: {', '.join(counts) or 'no passages'}"
    return f"{read} · {share}% of its lines understood"
