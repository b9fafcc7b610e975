"""`ssl-doctor ingest`: put your own Markdown into the knowledge base."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from tqdm import tqdm

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
    from ingest.ingestion import add
    from ingest.report_text import lines

    try:
        with _Bar() as bar:
            report = add(
                paths, dry_run=dry_run, describe_unchanged=full, progress=bar, notify=_notify
            )
    except KeyboardInterrupt:
        if not dry_run:
            _notify("stopped: what was done so far is stored; the same command goes on from there")
        raise
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        for line in lines(report, full=full):
            click.echo(line)
    for file in report.failed:
        click.echo(file.error, err=True)
    return UNREADABLE if report.failed else 0


class _Bar:
    """A progress bar on stderr, only on a terminal and only once there is something to do."""

    def __init__(self) -> None:
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, done: int, total: int) -> None:
        bar = self._bar
        if bar is None:
            from tqdm import tqdm

            # disable=None hides the bar when stderr is no terminal.
            bar = self._bar = tqdm(
                total=total, desc="reading", unit="B", unit_scale=True, leave=False, disable=None
            )
        bar.update(done - bar.n)

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _notify(line: str) -> None:
    click.echo(line, err=True)
