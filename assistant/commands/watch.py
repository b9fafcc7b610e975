"""`ssl-doctor watch`: follow a run and tell when its verdict changes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.commands.options import json_option
from assistant.commands.run_options import named, naming_options, set_by_hand
from assistant.exit_codes import ExitCode, code_of_verdict
from assistant.render.layout import one_line

if TYPE_CHECKING:
    from assistant.watching import Change


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@naming_options
@click.option(
    "--until",
    type=click.Choice(["sick", "healthy", "silent", "ended"]),
    help="Stop when the run is so; for job scripts. A run that ends always stops the watch.",
)
@click.option(
    "--silent-after",
    type=click.FloatRange(min=0.01),
    default=10.0,
    show_default=True,
    metavar="MINUTES",
    help="Minutes without a new value after which the run counts as silent.",
)
@click.option(
    "--interval",
    type=click.FloatRange(min=0.05),
    default=0.5,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between two looks.",
)
@json_option
def watch(
    path: Path,
    names: tuple[str, ...],
    settings: tuple[str, ...],
    until: str | None,
    silent_after: float,
    interval: float,
    as_json: bool,
) -> int:
    """Follow a run; print a line when its verdict changes, or when it stops.

    PATH need not exist yet. Ends with the run, with Ctrl-C, or with --until; the exit code is
    then 0 only when that came.

    \b
    Examples:
      ssl-doctor watch lightning_logs
      ssl-doctor watch runs/exp7 --until sick && scancel "$JOB"
    """
    from assistant import watching
    from ingest.runs.follow import Follower

    follower = Follower(
        path,
        names=named(names),
        settings=set_by_hand(settings),
        silent_after=silent_after * 60,
    )
    watcher = watching.Watcher(follower)
    wanted = watching.ENDS if until in (None, "ended") else watching.ENDS | {until}
    last = ""
    for change in watching.watch(watcher, lambda one: one.what in wanted, interval=interval):
        click.echo(json.dumps(_plain(change)) if as_json else _line(change))
        last = change.what
    code = code_of_verdict(watcher.answer.verdict if watcher.answer else None)
    if until in (None, "ended"):
        return code
    return ExitCode.DONE if last == until else code or ExitCode.NOTHING_FITS


def _line(change: Change) -> str:
    from assistant.verdict import headline

    clock = time.strftime("%H:%M:%S", time.localtime(change.when))
    at = f"step {change.step:,}" if change.step is not None else "no step"
    said = change.life.why
    answer = change.answer
    if answer is not None and change.what == answer.verdict:
        said = headline(answer)
        if change.what == "sick" and answer.diagnoses:
            first = answer.diagnoses[0]
            why = next((one.text for one in first.evidence if one.kind != "text"), "")
            said = f"{first.entry.id} {first.confidence:.0%}: {why}"
    return f"{clock}  {at:<14} {change.what:<9} {one_line(said)}".rstrip()


def _plain(change: Change) -> dict[str, object]:
    answer = change.answer
    first = answer.diagnoses[0] if answer and answer.diagnoses else None
    return {
        "schema": 1,
        "time": change.when,
        "step": change.step,
        "change": change.what,
        "state": change.life.state,
        "idle_seconds": round(change.life.idle, 1),
        "verdict": answer.verdict if answer else None,
        "diagnosis": first.entry.id if first else None,
        "confidence": first.confidence if first else None,
        "reasons": list(answer.reasons) if answer else [],
    }
