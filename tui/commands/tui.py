"""`ssl-doctor tui`: the terminal interface, as the command line names it."""

from __future__ import annotations

from pathlib import Path

import click

from tui.start import open_interface


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
def tui(run: Path | None) -> int:
    """Open the terminal interface, with RUN attached where one is given.

    \b
    Examples:
      ssl-doctor tui
      ssl-doctor tui lightning_logs
    """
    return open_interface(run)
