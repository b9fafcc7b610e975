"""`ssl-doctor diagnose`: one run judged in full, or many in a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.commands.options import answer_options, notify, print_json
from assistant.commands.run_options import named, naming_options, set_by_hand
from assistant.exit_codes import ExitCode, code_of_verdict

if TYPE_CHECKING:
    from assistant.many import Judgement
    from kb.types import Scalar


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--numbers",
    "pasted",
    metavar="TEXT",
    help='Numbers instead of a run, as typed or pasted: "loss 4.143, batch 32"; `-` for stdin.',
)
@naming_options
@click.option("--all", "everything", is_flag=True, help="Judge every run found below PATH.")
@answer_options
def diagnose(
    paths: tuple[Path, ...],
    pasted: str | None,
    names: tuple[str, ...],
    settings: tuple[str, ...],
    k: int,
    everything: bool,
    full: bool,
    as_markdown: bool,
    as_json: bool,
) -> int:
    """Judge runs by their logs. PATH is a log, a run folder, or `-` for stdin.

    One run is answered in full, several in a table.

    \b
    Examples:
      ssl-doctor diagnose lightning_logs
      ssl-doctor diagnose runs/*/
      ssl-doctor diagnose train.log --map emb_spread=z_std --set batch_size=256
      ssl-doctor diagnose --numbers "loss 4.143, batch 32, z_std 1e-4"
    """
    if pasted is not None:
        if paths or everything or names:
            raise click.UsageError("--numbers stands for a run; leave PATH, --all and --map out")
        return _typed(pasted, set_by_hand(settings), k, full, as_markdown, as_json)
    if not paths:
        raise click.UsageError("PATH is missing: a log, a run folder, or --numbers TEXT")
    if everything:
        from ingest import open_runs

        paths = tuple(found.path for path in paths for found in open_runs(path))
    if len(paths) == 1 and not everything:
        return _one(paths[0], named(names), set_by_hand(settings), k, full, as_markdown, as_json)
    if full or as_markdown:
        option = "--full" if full else "--markdown"
        raise click.UsageError(f"{option} shows one run, found {len(paths)}")
    return _many(paths, named(names), set_by_hand(settings), k, as_json)


def _one(
    path: Path,
    names: dict[str, str],
    settings: dict[str, Scalar],
    k: int,
    full: bool,
    as_markdown: bool,
    as_json: bool,
) -> int:
    from assistant.engine import diagnose as judge
    from assistant.render.runs import header
    from assistant.render.text import render
    from ingest import open_run

    run = open_run(path, names=names, settings=settings)
    answer = judge(run, k, notify=notify)
    if as_json:
        print_json(answer.to_dict() | {"run": run.to_dict()})
    elif as_markdown:
        click.echo(answer.to_markdown())
    else:
        click.echo(f"{header(run)}\n\n{render(answer, full=full)}")
    return code_of_verdict(answer.verdict)


def _typed(
    text: str, settings: dict[str, Scalar], k: int, full: bool, as_markdown: bool, as_json: bool
) -> int:
    from assistant.engine import diagnose as judge
    from assistant.pasted import MOST_CHARACTERS, read_pasted
    from assistant.render.layout import wrapped
    from assistant.render.text import render
    from assistant.run_input import as_run

    if text == "-":
        text = sys.stdin.buffer.read(4 * MOST_CHARACTERS).decode("utf-8", "replace")
    pasted = read_pasted(text)
    run = as_run({**pasted.numbers, **settings})
    if run is None or not run.series:
        raise click.UsageError(
            'no number of a known metric in this text; for example "loss 4.143, batch 32"'
        )
    answer = judge(run, k, notify=notify)
    if as_json:
        print_json(answer.to_dict() | {"run": run.to_dict(), "numbers": pasted.to_dict()})
    elif as_markdown:
        click.echo(answer.to_markdown())
    else:
        told = [line for one in pasted.told() for line in wrapped(one, 3, "")]
        click.echo("\n".join([*told, "", render(answer, full=full)]))
    return code_of_verdict(answer.verdict)


def _many(
    paths: tuple[Path, ...],
    names: dict[str, str],
    settings: dict[str, Scalar],
    k: int,
    as_json: bool,
) -> int:
    from tqdm import tqdm

    from assistant.many import judge_all
    from assistant.render.runs import table

    judged: list[Judgement] = []
    with tqdm(total=len(paths), unit="run", disable=not sys.stderr.isatty(), leave=False) as bar:
        for one in judge_all(
            paths, k, names=names, settings=settings, on_done=lambda: bar.update(1)
        ):
            judged.append(one)
    if as_json:
        print_json({"schema": 1, "runs": [_plain(one) for one in judged]})
    else:
        click.echo(table(judged))
        click.echo(_counted(judged), err=True)
    return max((_code(one) for one in judged), default=ExitCode.DONE)


def _code(one: Judgement) -> ExitCode:
    return ExitCode.UNREADABLE if one.answer is None else code_of_verdict(one.answer.verdict)


def _plain(one: Judgement) -> dict[str, object]:
    return {
        "path": one.path,
        "error": one.error or None,
        "answer": one.answer.to_dict() if one.answer else None,
    }


def _counted(judged: list[Judgement]) -> str:
    words = [one.answer.verdict or "undecided" if one.answer else "unread" for one in judged]
    counts = {word: words.count(word) for word in ("sick", "undecided", "healthy", "unread")}
    said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    return f"{len(judged)} runs: {said}"
