"""Answers symptom queries from the knowledge base, with evidence, without a language model.

>>> import assistant
>>> assistant.query("loss stuck at 4.14")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.answer import Answer as Answer
    from assistant.engine import diagnose as diagnose
    from assistant.engine import query as query

__all__ = ["Answer", "diagnose", "query"]


def __getattr__(name: str) -> object:
    """Load on first use, so that `ssl-doctor --help` never imports numpy or the index."""
    if name in ("query", "diagnose"):
        import assistant.engine

        return getattr(assistant.engine, name)
    if name == "Answer":
        from assistant.answer import Answer

        return Answer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
