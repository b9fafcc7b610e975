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


def code_of_verdict(verdict: str | None) -> ExitCode:
    """Return the exit code for the verdict on a run; None is an undecided one."""
    codes = {"sick": ExitCode.SICK, "healthy": ExitCode.DONE}
    return codes.get(verdict or "", ExitCode.UNDECIDED)
