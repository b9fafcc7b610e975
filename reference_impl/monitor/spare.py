"""Errors of the monitor become warnings: it must not end the training that it watches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class Spare:
    """Turns errors into warnings, one for each thing that fails."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @contextmanager
    def __call__(self, doing: str) -> Iterator[None]:
        """Go on behind the block after an error, and warn the first time that `doing` failed."""
        try:
            yield
        except Exception as error:
            if doing not in self._told:
                self._told.add(doing)
                warnings.warn(
                    f"the monitor failed at {doing} ({type(error).__name__}: {error}); the "
                    "training goes on, and further failures of this kind are not told",
                    RuntimeWarning,
                    stacklevel=4,
                )
