"""`ssl-doctor tui`: the terminal interface."""

from __future__ import annotations

import gc
import os
import sys
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
    # What is made while starting lives until the end: to look for garbage in it costs a tenth of
    # the time to the first frame.
    gc.disable()
    from tui.app import DoctorApp

    app = DoctorApp(run)
    app.run()
    code = app.return_code or 0
    if app.consultation.close():
        # A thread inside a C++ library cannot be ended, and tearing the interpreter down below it
        # aborts. Everything is written by now.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
