"""From outside bytes to our types: foreign Markdown, and the one door to the encoder model.

No module here may be called `add`: once loaded it would take the place of the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.ingestion import add as add
    from ingest.report import Report as Report

__all__ = ["Report", "add"]


def __getattr__(name: str) -> object:
    """Load on first use, so that importing a part does not pay for the Markdown parser."""
    if name == "add":
        from ingest.ingestion import add

        return add
    if name == "Report":
        from ingest.report import Report

        return Report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
