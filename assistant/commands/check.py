"""`ssl-doctor check`: lint catalogue files."""

from __future__ import annotations

from pathlib import Path

import click

from assistant.commands.options import json_option, print_json
from assistant.exit_codes import ExitCode


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@json_option
def check(paths: tuple[Path, ...], as_json: bool) -> int:
    """Lint catalogue entries: files or folders, else the bundled catalogue.

    \b
    Examples:
      ssl-doctor check
      ssl-doctor check kb/catalogue/collapse
    """
    from kb.lint import lint_paths
    from kb.paths import CATALOGUE

    count, problems = lint_paths(paths or (CATALOGUE,))
    if as_json:
        found = [{"path": p.path, "line": p.line, "message": p.message} for p in problems]
        print_json({"schema": 1, "entries": count, "problems": found})
    else:
        for problem in problems:
            click.echo(str(problem))
        click.echo(f"{count} entries, {len(problems)} problems", err=True)
    return ExitCode.UNREADABLE if problems else ExitCode.DONE
