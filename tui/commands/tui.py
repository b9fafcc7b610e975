"""`ssl-doctor tui`: the terminal interface."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
def tui(run: Path | None) -> int:
    """Open the terminal interface, with RUN attached where one is given.

    \b
    Examples:
      ssl-doctor tui
      ssl-doctor tui lightning_logs
    """
    from tui.app import DoctorApp

    app = DoctorApp(run)
    app.run()
    return app.return_code or 0
