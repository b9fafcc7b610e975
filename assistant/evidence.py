"""Why an entry was named: the words, the number with its formula, the run, the neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant import judge, numeric
from assistant.answer import Evidence
from assistant.knowledge import Knowledge
from assistant.rank import Candidate, Clues, told_apart
from assistant.understand import Understood
from kb.tokens import tokenize
from kb.types import Entry, PassageKind

MAX_NEIGHBOURS = 2
MAX_QUOTE = 160
MIN_STRENGTH = 0.05
"""Readings weaker than this are noise: any number is near some formula."""

_PLACES: dict[PassageKind, str] = {
    "title": "its title",
    "phrasing": "how others put it",
    "symptom": "a symptom of it",
    "cause": "what causes it",
    "fix": "one of its fixes",
    "tell_apart": "how it is told apart",
    "false_alarm": "a healthy case that looks like it",
}
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_PUNCTUATION = ".,;:!?()[]\"'"


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
    for reading in clues.numbers.get(entry.id, ())[:1]:
        if reading.strength >= MIN_STRENGTH:
            lines.append(numeric.evidence_of(reading))
    judged = clues.judged.get(entry.id)
    if judged is not None:
        # The number has told already what a clause with a closed form would repeat.
        lines += [
            one
            for one in judge.evidence_of(judged)
            if not lines or not any("(" in name for name in one.values)
        ]
    lines += _chain(candidate.entry_id, clues)
    words = _words(knowledge, understood, candidate)
    if words is not None:
        lines.append(words)
    for name, decided_by in told_apart(entry, others)[:MAX_NEIGHBOURS]:
        text = f"To tell it from {name}: {_ended(decided_by)}"
        lines.append(Evidence("text", text, {"neighbour": name}))
    return tuple(lines)


def _chain(entry_id: str, clues: Clues) -> list[Evidence]:
    """Return what this entry causes or follows from in this run."""
    one = next((one for one in clues.weighed if one.entry_id == entry_id), None)
    if one is None:
        return []
    if one.cause is not None:
        text = f"It follows from {one.cause}, which the run shows as well."
        return [Evidence("text", text, {"cause": one.cause})]
    if one.consequences:
        named = ", ".join(one.consequences)
        text = f"It explains what else the run shows: {named}."
        return [Evidence("text", text, {"consequences": named})]
    return []


def _words(knowledge: Knowledge, understood: Understood, candidate: Candidate) -> Evidence | None:
    if not understood.text:
        return None
    store, rowid = knowledge.index.passage(candidate.passage)
    stored = knowledge.stores[store].passages([rowid])
    if not stored:
        return None
    passage = stored[0].passage
    asked = [word.strip(_PUNCTUATION) for word in understood.positive_text.split()]
    quote = _closest(passage.text, frozenset(tokenize(understood.positive_text)))
    said = set(tokenize(quote))
    shared = [word for word in asked if set(tokenize(word)) & said]
    common = f" (in common: {', '.join(dict.fromkeys(shared))})" if shared else ""
    place = _PLACES.get(passage.kind, "a passage of it")
    return Evidence(
        "text",
        f'Your words are close to {place}: "{quote}"{common}.',
        {
            "passage": passage.text,
            "kind": passage.kind,
            "cosine": round(candidate.cosine, 3),
            "source": passage.attributes.get("file", stored[0].source),
            "line": passage.span.start,
        },
    )


def _closest(text: str, asked: frozenset[str]) -> str:
    """Return the sentence that shares most with the question, cut to MAX_QUOTE characters."""
    sentences = _SENTENCE_END.split(text)
    quote = max(sentences, key=lambda one: len(asked & set(tokenize(one))))
    if len(quote) > MAX_QUOTE:
        return quote[: MAX_QUOTE - 4].rsplit(" ", 1)[0] + " ..."
    return quote.rstrip(".;")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."
