"""Markdown text -> Document: clean, parse, choose a dialect, read, account for every line."""

from __future__ import annotations

import hashlib

from ingest.markdown.coverage import leftovers, unparsed
from ingest.markdown.dialects import choose
from ingest.markdown.page import Page
from kb.types import Document, Owner


def parse_markdown(
    text: str, *, path: str, owner: Owner = "user", document_id: str | None = None
) -> Document:
    """Return a foreign Markdown text as a document with its entries and passages.

    `path` is only named, never opened; the dialect is found by structure. Raises
    `InputUnreadable` for a YAML head that is broken or beyond bounds, and for nothing else.
    """
    page = Page.from_text(text, path=path, owner=owner)
    dialect = choose(page.blocks)
    reading = dialect.read(page)
    passages = reading.passages + leftovers(page.lines, reading.passages)
    wikilinks = {target: alias for block in page.blocks for target, alias in block.wikilinks}
    return Document(
        id=document_id or f"{owner}:{path}",
        path=path,
        owner=owner,
        dialect=dialect.name,
        title=page.title,
        sha256=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        text=text,
        passages=tuple(sorted(passages, key=lambda p: (p.span.start, -p.span.end))),
        entries=reading.entries,
        unparsed=unparsed(text, passages),
        meta={**page.head, **({"wikilinks": wikilinks} if wikilinks else {})},
    )
