"""Vectors inside a store: float16 blobs per document and encoder, read back as one matrix."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from kb.errors import StoreError

Float16s = npt.NDArray[np.float16]
Int64s = npt.NDArray[np.int64]

_ROWS_PER_BLOB: Final = 4096
"""3 MB at 384 dims: far below SQLite's limit of 1 GB for any width."""


def checked(vectors: npt.NDArray[np.float32], n_passages: int) -> Float16s:
    """Return vectors as float16; raise ValueError unless shape (n_passages, d) and finite."""
    if vectors.ndim != 2 or len(vectors) != n_passages:
        raise ValueError(f"vectors have shape {vectors.shape}, expected ({n_passages}, d)")
    with np.errstate(over="ignore"):
        halves = vectors.astype(np.float16)
    if not np.isfinite(halves).all():
        raise ValueError("vectors hold values that are not finite in float16")
    return halves


def write(sqlite: sqlite3.Connection, document: int, encoder: str, vectors: Float16s) -> str:
    """Replace a document's vectors of one encoder and return the digest of their bytes."""
    sqlite.execute("DELETE FROM vectors WHERE document = ? AND encoder = ?", (document, encoder))
    data = np.ascontiguousarray(vectors, dtype="<f2")
    digest = hashlib.sha256(data.tobytes()).hexdigest()
    for start in range(0, max(len(data), 1), _ROWS_PER_BLOB):
        part = data[start : start + _ROWS_PER_BLOB]
        sqlite.execute(
            "INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?)",
            (document, encoder, start, len(part), data.shape[1], digest, part.tobytes()),
        )
    return digest


def read(sqlite: sqlite3.Connection, encoder: str, where: str) -> tuple[Int64s, Float16s]:
    """Return passage numbers, shape (n,), ascending, and their vectors, shape (n, d).

    Streams blob by blob into one matrix; shape (0, 0) when nothing was encoded so.
    """
    total, narrowest, widest = sqlite.execute(
        "SELECT coalesce(sum(rows), 0), min(dim), max(dim) FROM vectors "
        "WHERE encoder = ? AND rows > 0",
        (encoder,),
    ).fetchone()
    if not total:
        return np.empty(0, np.int64), np.empty((0, 0), np.float16)
    if narrowest != widest:
        raise StoreError(
            f"vectors of one encoder have {narrowest} and {widest} dimensions",
            where=where,
            hint="ingest your notes again",
        )
    numbers = np.empty(total, np.int64)
    matrix = np.empty((total, widest), np.float16)
    row = 0
    for first, rows, data in _blobs(sqlite, encoder):
        numbers[row : row + rows] = np.arange(first, first + rows)
        matrix[row : row + rows] = np.frombuffer(data, "<f2").reshape(rows, widest)
        row += rows
    return numbers, matrix


def _blobs(sqlite: sqlite3.Connection, encoder: str) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number of the first passage, rows, bytes) in the order of passage numbers.

    Documents get their number together with their passages, so no blob has to be sorted.
    """
    yield from sqlite.execute(
        "SELECT first_passage + start, rows, data FROM vectors "
        "CROSS JOIN documents ON documents.number = vectors.document "
        "WHERE vectors.encoder = ? AND rows > 0 ORDER BY vectors.document, start",
        (encoder,),
    )
