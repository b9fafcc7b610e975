"""Passages beside the diagnoses: method documents and notes, and what we refute in them."""

from __future__ import annotations

from assistant.answer import Contradiction, Hit
from assistant.knowledge import Knowledge
from assistant.search import Found
from kb.store_records import StoredPassage
from kb.types import Entry

MAX_HITS = 5
MIN_COSINE = 0.42
"""Below this a passage of a document is about something else; read off our method documents."""

WORDS_SHARE = 0.02
"""What one point of the lexical score adds to a cosine when passages are ordered."""


def loose_hits(knowledge: Knowledge, found: Found) -> tuple[Hit, ...]:
    """Return the passages of documents that fit the words best, one per section."""
    scored = sorted(
        ((one.cosine + WORDS_SHARE * one.words, one) for one in found.loose),
        key=lambda pair: -pair[0],
    )
    hits: list[Hit] = []
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for score, one in scored[: 6 * MAX_HITS]:
        if one.cosine < MIN_COSINE and score < 1.5 * MIN_COSINE:
            continue
        store, rowid = knowledge.index.passage(one.passage)
        for stored in knowledge.stores[store].passages([rowid]):
            key = (stored.document_id, stored.passage.section)
            if key not in seen and stored.passage.text:
                seen.add(key)
                hits.append(_hit(knowledge, stored, score))
    return tuple(hits[:MAX_HITS])


def _hit(knowledge: Knowledge, stored: StoredPassage, score: float) -> Hit:
    passage = stored.passage
    return Hit(
        passage.text,
        stored.source,
        passage.span.start,
        passage.span.end,
        passage.section,
        round(score, 3),
        stored.owner,
        _truth(knowledge, stored) if stored.owner == "user" else None,
    )


def _truth(knowledge: Knowledge, stored: StoredPassage) -> str | None:
    vector = knowledge.encoder.encode([stored.passage.text])[0]
    match = knowledge.corrections.covering(stored.passage, vector)
    return match.truth if match else None


def contradictions(knowledge: Knowledge, entry: Entry) -> tuple[Contradiction, ...]:
    """Return what our entries refute in a user's entry, in the order of its lines."""
    user = knowledge.user
    document = user.document(user.document_of(entry.id) or "") if user else None
    if document is None:
        return ()
    own = [passage for passage in document.passages if passage.entry_id == entry.id]
    vectors = knowledge.encoder.encode([passage.text for passage in own])
    found: list[Contradiction] = []
    for passage, vector in zip(own, vectors, strict=True):
        match = knowledge.corrections.covering(passage, vector)
        if match is not None:
            found.append(
                Contradiction(
                    passage.text,
                    document.path,
                    passage.span.start,
                    passage.span.end,
                    match.truth,
                    match.entry_id,
                )
            )
    return tuple(found)
