"""The frozen types every room shares: entries, passages, documents, and their parts.

Nothing here reads a file or knows a format; readers build these, the store keeps them,
the assistant ranks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Owner = Literal["bundled", "user"]
"""Whose knowledge it is: shipped with the package, or ingested by the user."""

Status = Literal["draft", "documented", "reproduced", "cured", "refuted"]
"""How much evidence stands behind an entry; set by `python -m kb.status`, never by hand."""

Cost = Literal["live", "resume", "restart", "code"]
"""What trying a fix costs: while running, on resume, a new run, or a change of code."""

PassageKind = Literal[
    "title",
    "symptom",
    "phrasing",
    "cause",
    "fix",
    "tell_apart",
    "false_alarm",
    "claim",
    "correction",
    "reference",
    "section",
    "formula",
    "table",
    "code",
    "quote",
    "note",
    "checklist",
    "sign",
    "expectation",
    "evidence",
    "meta",
]
"""What part a passage plays in its document."""

MarkWord = Literal["tried", "helped", "did-not"]
"""What the user says about a fix: tried with no outcome yet, it helped, it did not help."""

PASSAGE_KINDS: tuple[PassageKind, ...] = get_args(PassageKind)
MARK_WORDS: tuple[MarkWord, ...] = get_args(MarkWord)
STATUSES: tuple[Status, ...] = get_args(Status)
COSTS: tuple[Cost, ...] = get_args(Cost)

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class LineSpan:
    """Lines of a source file, 1-based and inclusive at both ends."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document that can be found and shown on its own.

    `key` is unique inside its document and stable while the text does not change.
    `text` is plain text, what is embedded and matched; `markdown` is the source as it
    stood, for rendering. `attributes` carries what the kind needs: `page` of a quotation,
    `language` of a code block, `fix` (the fix id) of a fix.
    """

    key: str
    kind: PassageKind
    text: str
    span: LineSpan
    section: tuple[str, ...] = ()
    entry_id: str | None = None
    markdown: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def searched_text(self) -> str:
        """Return what is embedded and indexed: a lone passage with the heading it stands under.

        A section's sentences presuppose its heading ("It must not be too small."); an entry's
        passages are found together with their title and need none.
        """
        if self.entry_id is not None or not self.section or self.section[-1] in self.text:
            return self.text
        return f"{self.section[-1]}. {self.text}"


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing to try. `id` is unique inside its entry; `<entry id>#<id>` is permanent.

    `change` maps config keys to a value or, when the value is text starting with `=`,
    to an expression over the run's config. `unless` is a signature expression: when it
    fires the fix is not proposed. A user's fix has no known cost.
    """

    id: str
    title: str
    text: str
    cost: Cost | None = None
    change: Mapping[str, Scalar] = field(default_factory=dict)
    unless: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the user says about one fix, named by its global id.

    `marked_at` is ISO 8601, UTC, and empty for a mark of a version that kept no date; `run` is
    the run it was tried on, empty when not said.
    """

    fix: str
    word: MarkWord
    marked_at: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A popular claim that an entry refutes, and what holds instead."""

    claim: str
    truth: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry that looks alike, and the measurement that tells the two apart."""

    entry_id: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One failure: how it shows, why it happens, what to try and in which order.

    `leads_to` names entries that are consequences of this one: a frozen target network leads
    to a collapse.
    """

    id: str
    title: str
    family: str
    owner: Owner
    status: Status
    methods: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    signature: str | None = None
    metrics: tuple[str, ...] = ()
    leads_to: tuple[str, ...] = ()
    corrects: tuple[Correction, ...] = ()
    symptoms: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    tell_apart: tuple[Neighbour, ...] = ()
    false_alarms: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    source: str = ""
    span: LineSpan = LineSpan(1, 1)


@dataclass(frozen=True, slots=True)
class Document:
    """One source file, whole: its text, what was understood, and what was not.

    `id` names it for good: `<family>/<name>` for a catalogue entry, `methods/<name>` for a
    method document, `user:<path>` for a user's file. `unparsed` lists the non-blank lines
    that no passage covers, so nothing is lost silently. `text` is the source itself.
    """

    id: str
    path: str
    owner: Owner
    dialect: str
    title: str
    sha256: str
    text: str
    passages: tuple[Passage, ...] = ()
    entries: tuple[Entry, ...] = ()
    unparsed: tuple[LineSpan, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)
