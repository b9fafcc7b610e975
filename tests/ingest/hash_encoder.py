"""An encoder without a model: the hash of a text as a vector, so that a mix-up shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from kb.store import Store

DIM = 16


class HashEncoder:
    """Encodes at once; `before` is called with the number of texts encoded so far."""

    identity = "hash@1"
    dim = DIM

    def __init__(self, before: Callable[[int], None] | None = None) -> None:
        self.before = before
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.before is not None:
            self.before(len(self.texts))
        self.texts += texts
        return hashed(texts)


def hashed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return the vectors of shape (len(texts), DIM) that `HashEncoder` gives."""
    rows = b"".join(hashlib.sha256(text.encode()).digest()[:DIM] for text in texts)
    return np.frombuffer(rows, np.uint8).reshape(-1, DIM).astype(np.float32)


def vectors_fit(store: Store) -> bool:
    """Return whether every passage has the vector of its own text and nothing is left over."""
    rowids, matrix = store.vectors(HashEncoder.identity)
    texts = dict(store.passage_texts())
    if sorted(texts) != rowids.tolist():
        return False
    wanted = hashed([texts[rowid] for rowid in rowids.tolist()])
    return np.array_equal(matrix.reshape(-1, DIM), wanted.astype(np.float16))
