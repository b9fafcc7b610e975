"""`ssl-doctor compare`: the first step at which two runs part."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import json_option, print_json
from assistant.commands.run_options import map_option, named
from assistant.exit_codes import ExitCode


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@map_option
@json_option
def compare(a: Path, b: Path, names: tuple[str, ...], as_json: bool) -> int:
    """Show where two runs part, and by which metric first.

    Two runs part in a metric where their smoothed curves come apart by more than six deviations
    of their noise and stay apart, or where one of them stops being finite.

    \b
    Examples:
      ssl-doctor compare runs/baseline runs/new
      ssl-doctor compare a.log b.log --map emb_spread=z_std
    """
    from assistant.compare import compare as compare_runs
    from assistant.render.runs import comparison
    from ingest import open_run

    first, second = (open_run(path, names=named(names)) for path in (a, b))
    found = compare_runs(first, second)
    if as_json:
        print_json({"schema": 1, "a": first.source, "b": second.source} | found.to_dict())
    else:
        click.echo(comparison(found, first.source, second.source))
    return ExitCode.DONE
