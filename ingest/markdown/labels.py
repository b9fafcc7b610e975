"""What the labels and headings of troubleshooting documents mean."""

from __future__ import annotations

import re
from typing import Literal

Role = Literal[
    "symptom",
    "cause",
    "problem",
    "fix",
    "happened",
    "evidence",
    "expectation",
    "good",
    "bad",
    "checklist",
    "reference",
]
"""What a labelled part of a document says about the failure it describes."""

_PATTERNS: tuple[tuple[Role, str], ...] = (
    ("good", r"(?:good|healthy|positive) (?:signs?|signals?)|signs? of (?:success|health)"),
    ("bad", r"(?:bad|warning|danger|negative) (?:signs?|signals?)|red flags?"),
    ("symptom", r"(?:\w+ )?(?:symptoms?|how it shows|what (?:you|one) sees?)\b"),
    (
        "fix",
        r"(?:suggested |recommended |possible )?(?:next steps?|(?:code |quick )?fix(?:es)?"
        r"|solutions?|remed(?:y|ies)|what to (?:try|do)|how to (?:fix|prevent)|prevention"
        r"|recommend(?:ed|ations?)|suggestions?|mitigations?)\b",
    ),
    ("happened", r"what (?:happened|went wrong|we (?:did|saw|ran))"),
    ("problem", r"(?:the )?(?:problem|issue|failure)(?: (?:identified|statement))?$"),
    ("cause", r"why\b|(?:likely |possible |root |probable )?(?:causes?|reasons?)\b"),
    (
        "evidence",
        r"evidence|proof|measurements?$|what (?:the )?(?:logs?|numbers?) (?:say|show)",
    ),
    ("expectation", r"(?:expected|expectations?|what to expect)\b"),
    ("checklist", r"(?:.* )?check-?list\b"),
    ("reference", r"(?:references?|further reading|bibliography|sources?|citations?)\b"),
)
_ROLES = tuple((role, re.compile(pattern, re.I)) for role, pattern in _PATTERNS)


def role_of(label: str) -> Role | None:
    """Return what a label or heading announces, None when it is a topic of its own."""
    for role, pattern in _ROLES:
        if pattern.match(label):
            return role
    return None
