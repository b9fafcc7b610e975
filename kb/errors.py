"""The one exception family: what was found, where, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SslDoctorError(Exception):
    """Base of every error that is the input's fault, not the program's.

    The message is one line a user can act on; `where` is `file`, `file:line` or a metric.
    """

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        self.message = message
        self.where = where
        self.hint = hint
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text}; {hint}" if hint else text)


class InputUnreadable(SslDoctorError):
    """A file or stream could not be read as what it claims to be."""


class UsageError(SslDoctorError):
    """The caller asked for something that does not exist or does not fit together."""


class StoreError(SslDoctorError):
    """The store cannot be opened, or was written by a newer version."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `, did you mean "x"?` for the closest known spelling, or an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f', did you mean "{close[0]}"?' if close else ""
