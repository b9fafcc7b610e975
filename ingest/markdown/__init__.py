"""Foreign Markdown in, `kb.types.Document` out: one reader, several dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.markdown.coverage import counts
    from ingest.markdown.parse import parse_markdown

__all__ = ["counts", "parse_markdown"]


def __getattr__(name: str) -> Any:
    """Load the reader on first use, so that importing `ingest` stays cheap."""
    if name == "parse_markdown":
        from ingest.markdown.parse import parse_markdown

        return parse_markdown
    if name == "counts":
        from ingest.markdown.coverage import counts

        return counts
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
