"""A user's store of made-up entries, as many as wanted, to lie beside the real catalogue.

Four passages an entry. Each takes the vector of a passage of one catalogue entry, of the same
kind, and adds noise; its words are drawn from all catalogue passages of that kind, as many as
one of them has. So common words are in nearly every entry, and every query has near neighbours.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.index_choice import SEED, Float32s, unit
from kb.paths import BUNDLE
from kb.store import Store
from kb.types import Document, Entry, Fix, LineSpan, Passage, PassageKind

KINDS: tuple[PassageKind, ...] = ("title", "symptom", "cause", "fix")
"""What the reader of Markdown finds in a user's entry."""

ENTRIES_PER_DOCUMENT = 1000
"""As in the largest notes we have seen: one file of a thousand fixes."""

NOISE = 1.0
"""Length of the noise beside a unit vector: the cosine with its origin is about 0.7."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What entries are made from: `vectors` (n, d); for each catalogue entry the rows of its
    passages by kind; and by kind all words and the lengths of passages in words."""

    vectors: Float32s
    rows: list[dict[PassageKind, list[int]]]
    words: dict[PassageKind, list[str]]
    lengths: dict[PassageKind, list[int]]

    @classmethod
    def from_bundle(cls, encoder: str) -> Model:
        """Read the bundled entries; ValueError when none has vectors of this encoder."""
        with Store.open(BUNDLE, read_only=True) as store:
            rowids, matrix = store.vectors(encoder)
            stored = store.passages(rowids.tolist())
        rows: dict[str, dict[PassageKind, list[int]]] = {}
        words: dict[PassageKind, list[str]] = {kind: [] for kind in KINDS}
        lengths: dict[PassageKind, list[int]] = {kind: [] for kind in KINDS}
        for row, one in enumerate(stored):
            passage = one.passage
            if passage.entry_id is None or passage.kind not in KINDS or not passage.text:
                continue
            rows.setdefault(passage.entry_id, {}).setdefault(passage.kind, []).append(row)
            words[passage.kind] += passage.text.split()
            lengths[passage.kind].append(len(passage.text.split()))
        whole = [held for held in rows.values() if len(held) == len(KINDS)]
        if not whole:
            raise ValueError(f"no bundled entry has vectors of {encoder}")
        return cls(matrix.astype(np.float32), whole, words, lengths)

    def text(self, random: np.random.Generator, kind: PassageKind) -> str:
        """Return words drawn as often as the catalogue uses them."""
        length = self.lengths[kind][int(random.integers(len(self.lengths[kind])))]
        words = self.words[kind]
        return " ".join([words[at] for at in random.integers(len(words), size=length).tolist()])

    def origins(self, random: np.random.Generator) -> list[int]:
        """Return the rows of one catalogue entry's passages, one of each kind."""
        held = self.rows[int(random.integers(len(self.rows)))]
        return [held[kind][int(random.integers(len(held[kind])))] for kind in KINDS]


def documents(model: Model, count: int) -> Iterator[tuple[Document, Float32s]]:
    """Yield documents with the vectors of their passages, until there are `count` entries."""
    random = np.random.default_rng(SEED)
    dim = model.vectors.shape[1]
    for number, start in enumerate(range(0, count, ENTRIES_PER_DOCUMENT)):
        path = f"notes/{number:04}.md"
        entries: list[Entry] = []
        passages: list[Passage] = []
        origins: list[int] = []
        for at in range(min(ENTRIES_PER_DOCUMENT, count - start)):
            entry, found = _entry(
                model, random, f"made-up/{number:04}-{at:03}", path, len(passages)
            )
            entries.append(entry)
            passages += found
            origins += model.origins(random)
        noise = random.standard_normal((len(origins), dim), dtype=np.float32)
        vectors = unit(model.vectors[origins] + np.float32(NOISE / math.sqrt(dim)) * noise)
        text = "\n".join(passage.text for passage in passages)
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield (
            Document(
                f"user:{path}",
                path,
                "user",
                "made-up",
                path,
                digest,
                text,
                tuple(passages),
                tuple(entries),
            ),
            vectors,
        )


def fill(path: Path, encoder: str, count: int) -> int:
    """Write a store of `count` entries at `path`; return how many passages it holds."""
    passages = 0
    with Store.open(path) as store:
        for document, vectors in documents(Model.from_bundle(encoder), count):
            store.put(document, vectors, encoder, parser_version="made-up")
            passages += len(document.passages)
    return passages


def _entry(
    model: Model, random: np.random.Generator, name: str, path: str, line: int
) -> tuple[Entry, list[Passage]]:
    """Return an entry whose passages are the lines after `line`, in the order of KINDS."""
    texts = {kind: model.text(random, kind) for kind in KINDS}
    passages = [
        Passage(
            f"{name} {kind}",
            kind,
            text,
            LineSpan(line + 1 + place, line + 1 + place),
            section=(texts["title"],),
            entry_id=name,
            markdown=text,
            attributes={"fix": "first"} if kind == "fix" else {},
        )
        for place, (kind, text) in enumerate(texts.items())
    ]
    entry = Entry(
        name,
        texts["title"],
        "made-up",
        "user",
        "draft",
        symptoms=(texts["symptom"],),
        causes=(texts["cause"],),
        fixes=(Fix("first", texts["fix"][:80], texts["fix"]),),
        source=path,
        span=LineSpan(line + 1, line + len(KINDS)),
    )
    return entry, passages
