"""`ssl-doctor ingest`: put your own Markdown into the knowledge base."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ingest.report import FileResult, Report

UNREADABLE = 3
"""The exit code of docs/cli.md for input of which some could not be read."""


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Parse and report, write nothing.")
@click.option("--report", "full", is_flag=True, help="What was found in each file, and coverage.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema number.")
def ingest(paths: tuple[Path, ...], dry_run: bool, full: bool, as_json: bool) -> int:
    """Ingest Markdown files or folders, such as an Obsidian vault.

    Fix lists, post-mortems, method documents and reading notes are recognised by
    their structure; anything else is kept as headed passages. Unchanged files
    cost nothing. Your files are only ever read.

    \b
    Examples:
      ssl-doctor ingest notes/ --report
      ssl-doctor ingest postmortem.md --dry-run
    """
    from ingest.add import add

    with _Bar() as bar:
        report = add(paths, dry_run=dry_run, progress=bar, notify=_notify)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        _print(report, full)
    for file in report.failed:
        click.echo(file.error, err=True)
    return UNREADABLE if report.failed else 0


class _Bar:
    """A progress bar on stderr, only on a terminal and only once there is something to do."""

    def __init__(self) -> None:
        self._bar = None

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None:
            from tqdm import tqdm

            # disable=None hides the bar when stderr is no terminal.
            self._bar = tqdm(total=total, unit=" passages", desc="encoding", disable=None)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _notify(line: str) -> None:
    click.echo(line, err=True)


def _print(report: Report, full: bool) -> None:
    for file in report.files:
        if file.outcome == "unchanged" and not full:
            continue
        click.echo(_line(file))
        if full:
            for line in _details(file):
                click.echo(f"    {line}")
        for near in file.near[: None if full else 3]:
            click.echo(
                f"    {near.entry_id} is close to {near.near} ({near.similarity:.2f}); "
                f"compare: ssl-doctor explain {near.near}"
            )
        if file.refuted:
            click.echo(f"    {len(file.refuted)} passages say what an entry here corrects:")
        for refuted in file.refuted[: None if full else 3]:
            click.echo(f'    line {refuted.line}: "{refuted.passage}"')
            click.echo(f"      {refuted.entry_id}: {refuted.truth}")
        hidden = 0 if full else max(len(file.refuted) - 3, 0) + max(len(file.near) - 3, 0)
        if hidden:
            click.echo(f"    {hidden} more: --report")
    verb = "would change" if report.dry_run else "changed"
    changed = report.count("added") + report.count("updated")
    click.echo(
        f"{changed} {verb}, {report.count('unchanged')} unchanged, "
        f"{report.count('failed')} unreadable, {report.encoded} passages encoded"
    )
    sys.stdout.flush()


def _line(file: FileResult) -> str:
    what = f" as {file.dialect}" if file.dialect else ""
    return f"{file.outcome:<10} {file.path}{what}"


def _details(file: FileResult) -> list[str]:
    if not file.counts:
        return []
    counts = dict(file.counts)
    lines = counts.pop("lines", 0)
    covered = counts.pop("lines_covered", 0)
    share = 100 * covered / lines if lines else 100
    shown = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items() if count)
    unparsed = "; ".join(f"{start}-{end}" for start, end in file.unparsed)
    rest = f"; unparsed lines {unparsed}" if unparsed else ""
    return [shown, f"coverage {share:.0f}% ({covered} of {lines} non-blank lines){rest}"]
