"""Why an entry was named: the words, the number with its formula, the run, the neighbours."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import judge, numeric
from assistant.answer import Evidence
from assistant.knowledge import Knowledge
from assistant.rank import Candidate, Clues, told_apart
from assistant.understand import Understood
from kb.tokens import tokenize
from kb.types import Entry

MAX_NEIGHBOURS = 2
MIN_STRENGTH = 0.05
"""Readings weaker than this are noise: any number is near some formula."""


def collect(
    knowledge: Knowledge,
    understood: Understood,
    candidate: Candidate,
    entry: Entry,
    clues: Clues,
    others: Sequence[str],
) -> tuple[Evidence, ...]:
    """Return the evidence for one candidate, the strongest kind first."""
    lines: list[Evidence] = []
    judged = clues.judged.get(entry.id)
    if judged is not None:
        lines += judge.evidence_of(judged)
    for reading in clues.numbers.get(entry.id, ())[:1]:
        if reading.strength >= MIN_STRENGTH:
            lines.append(numeric.evidence_of(reading))
    words = _words(knowledge, understood, candidate)
    if words is not None:
        lines.append(words)
    for name, decided_by in told_apart(entry, others)[:MAX_NEIGHBOURS]:
        text = f"to tell it from {name}: {decided_by}"
        lines.append(Evidence("text", text, {"neighbour": name}))
    return tuple(lines)


def _words(
    knowledge: Knowledge, understood: Understood, candidate: Candidate
) -> Evidence | None:
    if not understood.text:
        return None
    store, rowid = knowledge.index.passage(candidate.passage)
    stored = knowledge.stores[store].passages([rowid])
    if not stored:
        return None
    passage = stored[0].passage
    said = set(tokenize(passage.text))
    shared = [word for word in understood.positive_text.split() if set(tokenize(word)) & said]
    shown = passage.text if len(passage.text) <= 160 else passage.text[:157].rsplit(" ", 1)[0] + " ..."
    common = f" (shared: {', '.join(dict.fromkeys(shared))})" if shared else ""
    return Evidence(
        "text",
        f'your words are close to "{shown}"{common}',
        {
            "passage": passage.text,
            "kind": passage.kind,
            "cosine": round(candidate.cosine, 3),
            "source": passage.attributes.get("file", stored[0].source),
            "line": passage.span.start,
        },
    )
