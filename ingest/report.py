"""What an ingest did: one result per file, frozen, printable and countable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

Outcome = Literal["added", "updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An entry of the user's beside a catalogue entry that says nearly the same."""

    entry_id: str
    near: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Refuted:
    """A passage of the user's that a catalogue entry corrects. `line` is 1-based."""

    line: int
    passage: str
    truth: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file. `counts` says what was found in it."""

    path: str
    outcome: Outcome
    dialect: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    unparsed: tuple[tuple[int, int], ...] = ()
    near: tuple[NearDuplicate, ...] = ()
    refuted: tuple[Refuted, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Results in the order of the files. With `dry_run` nothing was written."""

    files: tuple[FileResult, ...]
    dry_run: bool
    encoded: int

    @property
    def failed(self) -> tuple[FileResult, ...]:
        """Return the files that could not be read."""
        return tuple(file for file in self.files if file.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        """Return how many files had this outcome."""
        return sum(file.outcome == outcome for file in self.files)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return {"schema": 1, **asdict(self)}
