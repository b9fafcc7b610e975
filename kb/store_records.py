"""What a store answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from kb.types import PASSAGE_KINDS, Owner, Passage, PassageKind

KIND_CODES: Final[dict[PassageKind, int]] = {kind: code for code, kind in enumerate(PASSAGE_KINDS)}
OWNERS: Final[tuple[Owner, ...]] = ("bundled", "user")
OWNER_CODES: Final[dict[Owner, int]] = {owner: code for code, owner in enumerate(OWNERS)}


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A stored document without its text; `added_at` is ISO 8601, UTC."""

    id: str
    path: str
    owner: Owner
    dialect: str
    title: str
    sha256: str
    parser_version: str
    n_entries: int
    n_passages: int
    n_lines: int
    added_at: str


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage and where it is from; `source` is the path of its document."""

    rowid: int
    document_id: str
    source: str
    owner: Owner
    passage: Passage


@dataclass(frozen=True, slots=True, eq=False)
class PassageTable:
    """All passages of a store as columns of shape (n,), in the order of `rowids`.

    `entries` numbers the entry a passage belongs to, -1 for none; `kinds` indexes
    PASSAGE_KINDS and `owners` OWNERS.
    """

    rowids: npt.NDArray[np.int64]
    entries: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int8]
    owners: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return int(self.rowids.size)
