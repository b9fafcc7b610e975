"""`ssl-doctor ask`: the question, answered."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import answer_options, print_json
from assistant.commands.question import answer_to, code_of_answer, question_options


@click.command()
@question_options
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
    from assistant.render.text import render

    answer = answer_to(text, metrics, settings, run_path, k)
    if as_json:
        print_json(answer.to_dict())
    elif as_markdown:
        click.echo(answer.to_markdown())
    else:
        click.echo(render(answer, full=full))
    return code_of_answer(answer)
