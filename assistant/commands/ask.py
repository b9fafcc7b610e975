"""`ssl-doctor ask`: the question, answered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.commands.options import answer_options, notify, pairs, print_json
from assistant.exit_codes import ExitCode

if TYPE_CHECKING:
    from kb.run import Run

MOST_READ = 1 << 20
"""Bytes read from stdin: far more than a question or a log excerpt needs."""


@click.command()
@click.argument("text", nargs=-1)
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME=VALUE",
    help="A number from the run, such as z_std=1e-4. Repeatable.",
)
@click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the run, such as batch_size=32. Repeatable.",
)
@click.option(
    "-r",
    "--run",
    "run_path",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="PATH",
    help="A log or run folder whose numbers speak for or against each cause.",
)
@answer_options
def ask(
    text: tuple[str, ...],
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    run_path: Path | None,
    k: int,
    full: bool,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """Answer a symptom. TEXT is free words; `-` reads them from stdin.

    With numbers from --metric the words may be left out.

    \b
    Examples:
      ssl-doctor ask "loss stuck at 4.14" --set batch_size=32
      ssl-doctor ask "kNN does not improve" --run lightning_logs
      tail -50 train.log | ssl-doctor ask -
    """
    from assistant.engine import diagnose, query
    from assistant.render.text import render

    words = " ".join(text)
    if words.strip() == "-":
        words = sys.stdin.buffer.read(MOST_READ).decode("utf-8", "replace")
    run = _run(run_path, pairs(metrics, "--metric"), pairs(settings, "--set"))
    if words.strip():
        answer = query(words, run=run, k=k, notify=notify)
    elif run is not None and run.series:
        answer = diagnose(run, k=k, notify=notify)
    else:
        raise click.UsageError('the question is empty; for example "loss stuck at 4.14"')
    if as_json:
        print_json(answer.to_dict())
    elif as_markdown:
        click.echo(answer.to_markdown())
    else:
        click.echo(render(answer, full=full))
    if answer.verdict == "sick":
        return ExitCode.SICK
    if not answer.fits:
        return ExitCode.NOTHING_FITS
    return ExitCode.UNDECIDED if answer.verdict == "undecided" else ExitCode.DONE


def _run(path: Path | None, metrics: dict[str, str], settings: dict[str, str]) -> Run | None:
    """Return the run at `path`, or the one that --metric and --set describe."""
    from assistant.run_input import named_run, typed_settings

    if path is None:
        return named_run(metrics, settings)
    if metrics:
        raise click.UsageError("--run reads the metrics; leave --metric out, or --run")
    from ingest import open_run

    return open_run(path, settings=typed_settings(settings))
