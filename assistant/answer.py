"""What the assistant returns: frozen, self-describing, with the settings that produced it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

from kb.types import Cost, Entry, Mark, Owner, Scalar, Status

SCHEMA = 1
"""Version of the JSON form of an Answer; raised when a field changes its meaning."""

RunVerdict = Literal["sick", "healthy", "undecided"]
EvidenceKind = Literal["text", "number", "config", "metric", "trial"]
NumberClaim = Literal["matched", "candidate"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a diagnosis, in a sentence, with the values it rests on.

    `claim` is set for numbers only: `matched` when the parameter came from the run's config
    or the query, `candidate` when it is a guess with rivals.
    """

    kind: EvidenceKind
    text: str
    values: Mapping[str, Scalar] = field(default_factory=dict)
    claim: NumberClaim | None = None


@dataclass(frozen=True, slots=True)
class RankedFix:
    """A fix in the order worth trying. `id` is global: `family/name#fix-id`.

    `cure_rate` is (cured, seeds, low, high) with the bounds of a 95% interval, or None when
    no trial was run. `already_applied` is None when the run does not say. `mark` is what the
    user said of it.
    """

    id: str
    title: str
    change: Mapping[str, Scalar]
    cost: Cost | None
    text: str = ""
    cure_rate: tuple[int, int, float, float] | None = None
    already_applied: bool | None = None
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A passage of the user's documents beside what our entry says against it."""

    passage: str
    source: str
    line_start: int
    line_end: int
    truth: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One candidate cause. `confidence` is the calibrated probability that it is the one."""

    entry: Entry
    confidence: float
    evidence: tuple[Evidence, ...]
    fixes: tuple[RankedFix, ...]
    owner: Owner
    contradictions: tuple[Contradiction, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage of a method document or note. Lines are 1-based and inclusive."""

    text: str
    source: str
    line_start: int
    line_end: int
    section: tuple[str, ...]
    score: float
    owner: Owner
    truth: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A near topic, shown when nothing fits."""

    id: str
    title: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Check:
    """What one entry's signature says about the run, or why it could not say."""

    entry_id: str
    state: Literal["fired", "silent", "unknown"]
    reason: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """The metric or test that would decide most between the leading candidates."""

    metric: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What produced an answer, so that it can be produced again."""

    k: int
    threshold: float
    encoder: str
    bundled_entries: int
    user_documents: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query, a run, or both.

    `fits` is False when nothing here fits; `diagnoses` is then empty and `nearest` names the
    closest topics. `verdict` is None when no run was given; `reasons` are the sentences behind
    it, and say so where the run contradicts the words.
    """

    schema: int
    query: str
    fits: bool
    verdict: RunVerdict | None
    reasons: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]
    passages: tuple[Hit, ...]
    nearest: tuple[Topic, ...]
    checked: tuple[Check, ...]
    unchecked: tuple[Check, ...]
    next_measurement: Measurement | None
    settings: Settings

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types; the layout is versioned by `schema`."""
        plain = plain_types(self)
        assert isinstance(plain, dict)
        return plain

    def to_markdown(self) -> str:
        """Return the answer as Markdown, for notebooks and issue reports."""
        from assistant.render.markdown import to_markdown

        return to_markdown(self)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


_ENTRY_FIELDS: tuple[str, ...] = ("id", "title", "family", "status", "owner", "source")


def plain_types(value: object) -> object:
    """Return `value` as JSON can hold it: dataclasses as mappings, NaN and infinity as text."""
    if isinstance(value, Entry):
        return {name: getattr(value, name) for name in _ENTRY_FIELDS}
    if is_dataclass(value):
        return {item.name: plain_types(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain_types(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain_types(item) for item in value]
    if isinstance(value, float) and not -1e308 < value < 1e308:
        return str(value)
    return value


__all__ = [
    "SCHEMA",
    "Answer",
    "Check",
    "Contradiction",
    "Diagnosis",
    "Evidence",
    "Hit",
    "Measurement",
    "RankedFix",
    "RunVerdict",
    "Settings",
    "Status",
    "Topic",
]
