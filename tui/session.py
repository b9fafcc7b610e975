"""What all screens share: the question, its answer, the attached run. No Textual here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from assistant.answer import Answer
    from assistant.compare import Comparison
    from assistant.levels import Level
    from assistant.moved import Moved
    from ingest.runs.follow import Life
    from kb.run import Run
    from kb.types import Scalar

AskState = Literal["first", "waiting", "answered", "nothing fits", "failed"]
"""What the Ask screen shows: nothing asked yet, asked, answered, no fit, or an error."""


@dataclass
class Session:
    """The state of one sitting. Only the app changes it, on the thread of the interface.

    `alone` is the answer to the words without the run, kept while a run is attached so that
    `moved` can tell what the run changed. `opened` is the entry to show on Browse, `section` the
    method and the line of its document to show on Methods. `numbers` stand for a run that was
    typed; `levels` are what its metrics are read against.
    """

    query: str = ""
    answer: Answer | None = None
    alone: Answer | None = None
    error: Exception | None = None
    asking: bool = False
    run_path: Path | None = None
    numbers: Mapping[str, Scalar | Sequence[float]] | None = None
    run: Run | None = None
    life: Life | None = None
    run_answer: Answer | None = None
    run_error: Exception | None = None
    levels: Mapping[str, tuple[Level, ...]] = field(default_factory=dict)
    moved: tuple[Moved, ...] = ()
    opened: str | None = None
    section: tuple[str, int] | None = None
    compared: tuple[Path, Path] | None = None
    comparison: Comparison | None = None

    @property
    def has_run(self) -> bool:
        """Return whether a run or typed numbers take part in the ranking."""
        return self.run_path is not None or self.numbers is not None

    @property
    def state(self) -> AskState:
        """Return which of its designed states the Ask screen is in."""
        if self.error is not None:
            return "failed"
        if self.answer is None:
            return "waiting" if self.asking else "first"
        return "answered" if self.answer.fits else "nothing fits"
