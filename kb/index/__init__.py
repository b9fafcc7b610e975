"""The index: what makes a search fast, derived from stores and thrown away at any doubt."""

from __future__ import annotations

from kb.index.index import Index, Unit

__all__ = ["Index", "Unit"]
