"""`ssl-doctor ask`: the question, answered."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import answer_options, print_json
from assistant.commands.question import (
    answered,
    code_of_answer,
    moved_by,
    question_options,
    read_question,
)


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

    With numbers from --metric the words may be left out. With words and a run, what the run
    moved in the ranking is told too.

    \b
    Examples:
      ssl-doctor ask "loss stuck at 4.14" --set batch_size=32
      ssl-doctor ask "kNN does not improve" --run lightning_logs
      tail -50 train.log | ssl-doctor ask -
    """
    from assistant.render.markdown import moves_to_markdown
    from assistant.render.moved import moves_as_text
    from assistant.render.text import render

    words, run = read_question(text, metrics, settings, run_path)
    answer = answered(words, run, k)
    moves = moved_by(run, answer, k)
    if as_json:
        told = {} if moves is None else {"moved": [one.to_dict() for one in moves]}
        print_json(answer.to_dict() | told)
    elif as_markdown:
        click.echo(answer.to_markdown() + moves_to_markdown(moves or ()))
    else:
        click.echo(render(answer, full=full) + moves_as_text(moves or ()))
    return code_of_answer(answer)
