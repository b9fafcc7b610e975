"""Find the sentences that assert something a measurement could refute."""

from __future__ import annotations

import re
from collections.abc import Iterator

CLAIM_BLOCK = 2_000
"""Longest block searched for claims, a choice: longer ones are transcripts, not notes."""

MIN_WORDS = 4

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"“'(\[]?[A-Z0-9])")
_ASSERTION = re.compile(
    r"\b(?:better|worse|faster|slower|larger|smaller|higher|lower|stronger|weaker|easier|harder"
    r"|more|less|fewer|most|least|best|than|too|only|enough|never|always|must|should"
    r"|cannot|can't|can’t|doesn't|doesn’t|don't|don’t|isn't|isn’t|aren't|aren’t|won't|won’t"
    r"|not|no|needs?|needed|requires?|required|depends?|causes?|caused|because|due"
    r"|prevents?|avoids?|ensures?|leads?|results? in|collapses?|diverges?|fails?|works?|helps?"
    r"|improves?|reduces?|increases?|decreases?|degrades?|stabili[sz]es?|hurts?|makes?"
    r"|sensitive|robust|stable|unstable|competitive|critical|optimal|standard|minimum|maximum)\b",
    re.I,
)
_QUANTITY = re.compile(r"\d\s*(?:%|x\b|×|\+)|[<>≤≥≈~±]\s*\d|\d\s*[-–—]\s*\d|\b\d")


def claims(text: str) -> Iterator[str]:
    """Yield the sentences of a block that assert a cause, a comparison or a quantity."""
    if len(text) > CLAIM_BLOCK:
        return
    for sentence in _SENTENCE_END.split(text):
        stated = len(sentence.split()) >= MIN_WORDS and not sentence.endswith((":", "?"))
        if stated and (_ASSERTION.search(sentence) or _QUANTITY.search(sentence)):
            yield sentence.strip()
