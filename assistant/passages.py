"""Passages beside the diagnoses: method documents and notes, and what we refute in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from assistant.answer import Contradiction, Hit
from assistant.knowledge import Knowledge
from assistant.search import Found, Loose
from kb.store import Store
from kb.store_records import StoredPassage
from kb.tokens import tokenize
from kb.types import Entry, LineSpan

MAX_HITS = 5
MIN_SCORE = 0.5
"""Below this a passage is about something else; read off the method documents."""

ANSWERS = 0.8
ANSWERS_NAMED = 0.6
"""From here on a passage answers the question by itself, whatever the entries say; the second
when it is from the document of a method that the question names."""

WORDS_SHARE = 0.02
HEADING_SHARE = 0.15
"""What one point of the lexical score, and a heading with all words of the question, add to a
cosine when passages are ordered: a reference question usually names its heading."""

MAX_CHARACTERS = 1200
"""Longest text of a hit: a section of our method documents."""

_PROSE = frozenset({"section", "formula", "note", "quote", "checklist"})


def loose_hits(knowledge: Knowledge, found: Found, methods: Sequence[str]) -> tuple[Hit, ...]:
    """Return the sections of documents that fit the words best, each once.

    A method document of ours speaks only when its method is named or when it answers by itself:
    what VICReg's loss starts at is no help to somebody with another loss.
    """
    scored = sorted(
        ((one.cosine + WORDS_SHARE * one.words, one) for one in found.loose),
        key=lambda pair: -pair[0],
    )
    documents = {f"methods/{name}" for name in methods}
    best: dict[tuple[str, tuple[str, ...]], tuple[float, Store, StoredPassage]] = {}
    for score, store, stored in _stored(knowledge, scored[: 8 * MAX_HITS]):
        total = score + HEADING_SHARE * _named(found, stored.passage.section)
        key = (stored.document_id, stored.passage.section)
        asked = stored.owner == "user" or stored.document_id in documents
        least = MIN_SCORE if asked else ANSWERS
        if stored.passage.text and total >= max(least, best.get(key, (0.0,))[0]):
            best[key] = (total, store, stored)
    ordered = sorted(best.values(), key=lambda item: -item[0])[:MAX_HITS]
    return tuple(_hit(knowledge, store, stored, score) for score, store, stored in ordered)


def _stored(
    knowledge: Knowledge, scored: Sequence[tuple[float, Loose]]
) -> Iterator[tuple[float, Store, StoredPassage]]:
    """Yield the passages behind scored numbers, read from each store at once."""
    places = [(score, *knowledge.index.passage(one.passage)) for score, one in scored]
    for number, store in enumerate(knowledge.stores):
        scores = {rowid: score for score, at, rowid in places if at == number}
        for stored in store.passages(scores):
            yield scores[stored.rowid], store, stored


def answers(hits: Sequence[Hit], methods: Sequence[str]) -> bool:
    """Return whether the best hit answers the question by itself."""
    if not hits:
        return False
    named = any(Path(hits[0].source).stem == name for name in methods)
    return hits[0].score >= (ANSWERS_NAMED if named else ANSWERS)


def _named(found: Found, section: tuple[str, ...]) -> float:
    """Return the share of the question's words that the heading holds."""
    heading = set(tokenize(section[-1])) if section else set()
    return len(heading & found.tokens.keys()) / max(len(found.tokens), 1)


def _hit(knowledge: Knowledge, store: Store, stored: StoredPassage, score: float) -> Hit:
    passage = stored.passage
    text, span = _section(knowledge, store, stored)
    return Hit(
        text,
        stored.source,
        span.start,
        span.end,
        passage.section,
        round(score, 3),
        stored.owner,
        _truth(knowledge, stored) if stored.owner == "user" else None,
    )


def _section(knowledge: Knowledge, store: Store, stored: StoredPassage) -> tuple[str, LineSpan]:
    """Return the prose of the whole section, so that a found sentence keeps its surroundings."""
    document = knowledge.document(store, stored.document_id)
    passage = stored.passage
    parts = [
        one
        for one in (document.passages if document else ())
        if one.section == passage.section and one.kind in _PROSE and one.text
    ]
    alone = passage not in parts and passage.kind not in ("claim", "fix")
    if passage.kind == "quote" or alone:
        parts = [passage]
    text = "\n".join(one.text for one in parts)
    if not parts or len(text) > MAX_CHARACTERS:
        parts, text = [passage], passage.text
    return text, LineSpan(parts[0].span.start, parts[-1].span.end)


def _truth(knowledge: Knowledge, stored: StoredPassage) -> str | None:
    vector = knowledge.encoder.encode([stored.passage.text])[0]
    match = knowledge.corrections.covering(stored.passage, vector)
    return match.truth if match else None


def contradictions(knowledge: Knowledge, entry: Entry) -> tuple[Contradiction, ...]:
    """Return what our entries refute in a user's entry, in the order of its lines.

    A document repeats itself; each correction stands once, beside the first place it covers.
    """
    unit = knowledge.index.unit_of(entry.id)
    if unit is None:
        return ()
    span = knowledge.index.unit_passages(unit)
    rowids = [knowledge.index.passage(number)[1] for number in range(span.start, span.stop)]
    store = knowledge.stores[knowledge.index.unit(unit).store]
    own = {stored.rowid: stored for stored in store.passages(rowids)}
    found: list[Contradiction] = []
    for rowid, vector in zip(rowids, knowledge.index.vectors(unit), strict=True):
        if rowid not in own:  # removed by another process since the index was loaded
            continue
        passage = own[rowid].passage
        match = knowledge.corrections.covering(passage, vector)
        if match is not None and match.truth not in {one.truth for one in found}:
            found.append(
                Contradiction(
                    passage.text,
                    own[rowid].source,
                    passage.span.start,
                    passage.span.end,
                    match.truth,
                    match.entry_id,
                )
            )
    return tuple(found)
