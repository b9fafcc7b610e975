"""What is asked on the command line: words, numbers or a run, and the answer to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assistant.commands.options import notify, pairs
from assistant.exit_codes import ExitCode

if TYPE_CHECKING:
    from assistant.answer import Answer
    from assistant.moved import Moved
    from kb.run import Run

MOST_READ = 1 << 20
"""Bytes read from stdin: far more than a question or a log excerpt needs."""

F = TypeVar("F", bound=Callable[..., Any])


def question_options(function: F) -> F:
    """Add TEXT, `--metric`, `--set` and `--run`."""
    for option in (
        click.option(
            "-r",
            "--run",
            "run_path",
            type=click.Path(path_type=Path, allow_dash=True),
            metavar="PATH",
            help="A log or run folder whose numbers speak for or against each cause.",
        ),
        click.option(
            "-s",
            "--set",
            "settings",
            multiple=True,
            metavar="NAME=VALUE",
            help="A setting of the run, such as batch_size=32. Repeatable.",
        ),
        click.option(
            "-m",
            "--metric",
            "metrics",
            multiple=True,
            metavar="NAME=VALUE",
            help="A number from the run, such as z_std=1e-4. Repeatable.",
        ),
        click.argument("text", nargs=-1),
    ):
        function = option(function)
    return function


def answer_to(
    text: tuple[str, ...],
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    run_path: Path | None,
    k: int,
) -> Answer:
    """Return the answer; raise click.UsageError when nothing is asked."""
    return answered(*read_question(text, metrics, settings, run_path), k)


def read_question(
    text: tuple[str, ...],
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    run_path: Path | None,
) -> tuple[str, Run | None]:
    """Return the words that are asked, and the run or the numbers beside them."""
    words = " ".join(text)
    if words.strip() == "-":
        words = sys.stdin.buffer.read(MOST_READ).decode("utf-8", "replace")
    return words, _run(run_path, pairs(metrics, "--metric"), pairs(settings, "--set"))


def answered(words: str, run: Run | None, k: int) -> Answer:
    """Return the answer; raise click.UsageError when nothing is asked."""
    from assistant.engine import diagnose, query

    if words.strip():
        return query(words, run=run, k=k, notify=notify)
    if run is not None and run.series:
        return diagnose(run, k=k, notify=notify)
    raise click.UsageError('the question is empty; for example "loss stuck at 4.14"')


def moved_by(run: Run | None, whole: Answer, k: int) -> tuple[Moved, ...] | None:
    """Return what the run did to the ranking that the words alone have; None where there are no
    words, or no numbers."""
    from assistant.engine import query
    from assistant.moved import moved

    if run is None or not run.series or not whole.query.strip():
        return None
    return moved(query(whole.query, k=k, notify=notify), whole)


def code_of_answer(answer: Answer) -> ExitCode:
    """Return the exit code that an answer to a question has."""
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
