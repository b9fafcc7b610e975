"""Collects the passages of one document: keys, source lines, entry ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ingest.markdown.names import slug
from ingest.markdown.page import Page
from kb.types import LineSpan, Passage, PassageKind


class Writer:
    """Adds passages one by one; a key is the slug of the section, the kind and a number."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._passages: list[Passage] = []
        self._numbers: Counter[tuple[str, str]] = Counter()
        self._places: dict[tuple[str, ...], str] = {}
        self._entry_ids: dict[str, int] = {}
        self._entry_numbers: set[str] = set()

    def add(
        self,
        kind: PassageKind,
        text: str,
        span: LineSpan,
        section: tuple[str, ...],
        *,
        entry_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
        markdown: str | None = None,
    ) -> Passage:
        """Add one passage; `markdown` is its source lines unless given.

        Where markup leaves no text (an empty heading, an item that is a mere bullet) nothing
        can be found, so the passage only covers its lines. Empty code is still code.
        """
        attributes = dict(attributes or {})
        text = text.strip()
        if not text and kind != "meta" and "fence" not in attributes:
            kind, attributes = "meta", {"role": "empty"}
        place = self._place(section)
        self._numbers[place, kind] += 1
        passage = Passage(
            key=f"{place}/{kind}-{self._numbers[place, kind]}",
            kind=kind,
            text=text,
            span=span,
            section=section,
            entry_id=entry_id,
            markdown=self.source(span) if markdown is None else markdown,
            attributes=attributes,
        )
        self._passages.append(passage)
        return passage

    def entry_id(self, title: str) -> str:
        """Return `<file>/<title>` as slugs, numbered where a title comes twice."""
        name = stem = f"{self.page.stem}/{slug(title) or 'untitled'}"
        while name in self._entry_ids:
            self._entry_ids[stem] += 1
            name = f"{stem}-{self._entry_ids[stem]}"
        self._entry_ids[name] = 1
        return name

    def aliases(self, number: str) -> tuple[str, ...]:
        """Return `<file>#<number>` as an alias, where the number is not taken already."""
        if not number or number in self._entry_numbers:
            return ()
        self._entry_numbers.add(number)
        return (f"{self.page.stem}#{number}",)

    def source(self, span: LineSpan) -> str:
        """Return the source lines of a span."""
        return "\n".join(self.page.lines[span.start - 1 : span.end])

    def passages(self) -> tuple[Passage, ...]:
        """Return what was added, in order."""
        return tuple(self._passages)

    def _place(self, section: tuple[str, ...]) -> str:
        place = self._places.get(section)
        if place is None:
            words = [slug(title) or "section" for title in section[1:] or section[:1]]
            place = self._places[section] = "/".join(words) or "top"
        return place
