"""`ssl-doctor ask`: the question, answered."""

from __future__ import annotations

import sys

import click

from assistant.commands.options import json_option, notify, pairs, print_json
from assistant.exit_codes import ExitCode

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
    "-k",
    default=5,
    show_default=True,
    type=click.IntRange(1, 50),
    help="How many diagnoses at most.",
)
@click.option("--full", is_flag=True, help="All evidence and all fixes of every diagnosis.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@json_option
def ask(
    text: tuple[str, ...],
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
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
      tail -50 train.log | ssl-doctor ask -
    """
    from assistant.engine import diagnose, query
    from assistant.render.text import render
    from assistant.run_input import named_run

    words = " ".join(text)
    if words.strip() == "-":
        words = sys.stdin.buffer.read(MOST_READ).decode("utf-8", "replace")
    run = named_run(pairs(metrics, "--metric"), pairs(settings, "--set"))
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
