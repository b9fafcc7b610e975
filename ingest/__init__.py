"""From outside bytes to our types: foreign Markdown, run logs, the one door to the encoder model.

No module here may be called `add`, `open_run` or `open_runs`: once loaded it would take the
place of the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.ingestion import add as add
    from ingest.report import Report as Report
    from ingest.runs.open import open_run as open_run
    from ingest.runs.open import open_runs as open_runs

__all__ = ["Report", "add", "open_run", "open_runs"]


def __getattr__(name: str) -> object:
    """Load on first use, so that importing a part does not pay for the Markdown parser or numpy."""
    if name == "add":
        from ingest.ingestion import add

        return add
    if name == "Report":
        from ingest.report import Report

        return Report
    if name in ("open_run", "open_runs"):
        from ingest.runs import open as runs

        return getattr(runs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
