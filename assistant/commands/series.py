"""`ssl-doctor series`: what was read of a run and how each name was understood."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import json_option, print_json
from assistant.commands.run_options import named, naming_options, set_by_hand
from assistant.exit_codes import ExitCode


@click.command()
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True))
@naming_options
@json_option
def series(path: Path, names: tuple[str, ...], settings: tuple[str, ...], as_json: bool) -> int:
    """Show what was read of a run: every metric, its shape, and what its name was taken for.

    Chance, collapse and floor stand below a metric where method and settings give them.

    \b
    Examples:
      ssl-doctor series lightning_logs/version_3
      ssl-doctor series train.log --map emb_spread=z_std
    """
    from assistant.levels import levels_of
    from assistant.render.runs import series_page
    from ingest import open_run

    run = open_run(path, names=named(names), settings=set_by_hand(settings))
    levels = levels_of(run)
    if as_json:
        told = {name: [one.to_dict() for one in held] for name, held in levels.items()}
        print_json({"schema": 1} | run.to_dict() | {"levels": told})
    else:
        click.echo(series_page(run, levels))
    return ExitCode.DONE
