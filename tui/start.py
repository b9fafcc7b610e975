"""The way into the `ssl-doctor` command: straight to the interface where that is what is asked.

Click and the search for installed commands take a fifth of the time to the first frame, and the
interface needs neither; everything else goes through `assistant.cli`.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

COMMAND = "tui"


def main() -> None:
    """Open the interface for `ssl-doctor [tui [RUN]]` on a terminal; else run the command line."""
    words = sys.argv[1:]
    if _is_for_interface(words) and _on_terminal():
        sys.exit(open_interface(Path(words[1]) if words[1:] else None))
    from assistant.cli import main as command_line

    command_line()


def open_interface(run: Path | None) -> int:
    """Show the interface, with `run` attached where one is given; return the exit code."""
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


def _is_for_interface(words: list[str]) -> bool:
    # Options, and what is too much, are told apart by the command line.
    return (
        words[:1] in ([], [COMMAND]) and len(words) < 3 and not "".join(words[1:]).startswith("-")
    )


def _on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
