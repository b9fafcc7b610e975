"""`ssl-doctor fixes`: what to try, in order, and what was tried."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import json_option, notify, print_json
from assistant.commands.question import answer_to, code_of_answer, question_options
from assistant.exit_codes import ExitCode
from kb.types import MARK_WORDS, MarkWord

CLEAR = "clear"
"""The word that forgets a mark."""


@click.command()
@question_options
@click.option(
    "--mark",
    "marks",
    multiple=True,
    nargs=2,
    type=(str, click.Choice([*MARK_WORDS, CLEAR])),
    metavar="FIX_ID WORD",
    help="Remember of a fix: tried, helped or did-not; clear forgets. Repeatable.",
)
@click.option(
    "-k",
    default=5,
    show_default=True,
    type=click.IntRange(1, 50),
    help="How many diagnoses at most.",
)
@json_option
def fixes(
    text: tuple[str, ...],
    metrics: tuple[str, ...],
    settings: tuple[str, ...],
    run_path: Path | None,
    marks: tuple[tuple[str, str], ...],
    k: int,
    as_json: bool,
) -> int:
    """List the fixes of all diagnoses, each once, in the order worth trying.

    Without a question and a run it lists what you have marked so far. A mark is kept
    with its date and, when --run is given, the run.

    \b
    Examples:
      ssl-doctor fixes "loss stuck at 4.14" --set batch_size=32
      ssl-doctor fixes --run lightning_logs --mark collapse/complete#1 did-not
    """
    from assistant.knowledge import Knowledge
    from assistant.render.worklist import render_worklist
    from assistant.worklist import marked, worklist

    asked = bool(text or metrics or settings or run_path)
    answer = answer_to(text, metrics, settings, run_path, k) if asked else None
    _set(marks, run_path)
    knowledge = Knowledge.open(notify)
    found = worklist(answer, knowledge.marks()) if answer else marked(knowledge)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(render_worklist(found))
    return code_of_answer(answer) if answer else ExitCode.DONE


def _set(marks: tuple[tuple[str, str], ...], run_path: Path | None) -> None:
    from assistant.marks import set_marks

    run = str(run_path) if run_path is not None else ""
    for name, word in marks:
        chosen: MarkWord | None = None if word == CLEAR else word  # type: ignore[assignment]
        set_marks([name], chosen, run, notify=notify)
