"""What the process returns, and which error leads to which code."""

from __future__ import annotations

from enum import IntEnum

from kb.errors import SslDoctorError, UsageError


class ExitCode(IntEnum):
    """Documented in docs/cli.md; scripts rely on these numbers."""

    DONE = 0
    NOTHING_FITS = 1
    USAGE = 2
    UNREADABLE = 3
    UNDECIDED = 4
    SICK = 5
    INTERRUPTED = 130


def code_of(error: SslDoctorError) -> ExitCode:
    """Return the exit code for an error of ours."""
    return ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.UNREADABLE
