"""Search by meaning: FAISS over unit vectors, exact while small, approximate when large."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kb.index.lexical import Float32s, Int64s, best

Float16s = npt.NDArray[np.float16]

EXACT_UP_TO: Final = 100_000
"""Passages. Exact search over float16 takes 8 to 12 ms there and 33 ms at 400,000, the
partitioned index 1 and 3 ms (one thread; benchmarks/results/index_choice.json, index_scale.json).
"""

LISTS_PER_ROOT: Final = 4
"""Partitions: 4 sqrt(n), FAISS's own rule of thumb; building at 400,000 takes 16 s on 2 cores."""

PROBED: Final = 256
"""Partitions searched: recall of the top 64 is 1.0 at 400,000 vectors, and 0.99 at 100,000 where
the mixtures are smaller than 64 and the rest of the 64 is noise (same file)."""

OVERFETCH: Final = 2
"""Candidates per result of an approximate index, ranked again by exact cosine."""

_TRAINING_PER_LIST: Final = 40
_CHUNK: Final = 20_000


def faiss() -> ModuleType:
    """Return FAISS, set to one thread: a single query is never shared out, and idle threads
    that spin made it two to four times slower beside other work."""
    import faiss as module

    module.omp_set_num_threads(1)
    return module


def build(vectors: Float16s) -> Any:
    """Return a FAISS index over unit vectors, shape (n, d)."""
    library = faiss()
    count, dim = vectors.shape
    product = library.METRIC_INNER_PRODUCT
    if count <= EXACT_UP_TO:
        # Half the memory of IndexFlatIP and exact: the vectors are float16 to begin with.
        index = library.IndexScalarQuantizer(dim, library.ScalarQuantizer.QT_fp16, product)
    else:
        index = library.index_factory(dim, f"IVF{_n_lists(count)},SQ8", product)
        index.cp.niter = 10
        index.cp.max_points_per_centroid = _TRAINING_PER_LIST
    library.omp_set_num_threads(os.cpu_count() or 1)
    try:
        if not index.is_trained:
            step = max(1, count // (_TRAINING_PER_LIST * index.nlist))
            index.train(vectors[::step].astype(np.float32))
        for start in range(0, count, _CHUNK):
            index.add(vectors[start : start + _CHUNK].astype(np.float32))
    finally:
        library.omp_set_num_threads(1)
    return prepared(index)


def prepared(index: Any) -> Any:
    """Return the index with its effort set; that is not part of the file."""
    if hasattr(index, "nprobe"):
        index.nprobe = min(PROBED, index.nlist)
    return index


def write(index: Any, path: Path) -> None:
    """Write the index; through Python, so that any path works and a full disk is an OSError."""
    with path.open("wb") as stream:
        stream.write(faiss().serialize_index(index).data)


def read(path: Path) -> Any:
    """Return the index that `write` wrote; the caller has checked the file."""
    return prepared(faiss().deserialize_index(np.fromfile(path, np.uint8)))


def top(index: Any, vectors: Float16s, query: Float32s, k: int) -> tuple[Int64s, Float32s]:
    """Return at most k rows nearest to a unit query, shape (d,), and cosines, best first."""
    exact = not hasattr(index, "nprobe")
    fetched = min(k if exact else OVERFETCH * k, index.ntotal)
    if fetched <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    scores, rows = index.search(query[None], fetched)
    found = rows[0] >= 0
    numbers, scores = rows[0][found], scores[0][found]
    if not exact:
        numbers.sort()  # reads the memory map from front to back
        scores = cosines(vectors, numbers, query)
    return best(numbers, scores, k)


def cosines(vectors: Float16s, rows: Int64s, query: Float32s) -> Float32s:
    """Return the cosines of some rows with unit queries: (d,) gives (rows,), (m, d) (rows, m)."""
    # Not a matrix product: on a busy machine BLAS waits for its second thread, 8 ms for 0.2.
    found: Float32s = np.einsum("ij,...j->i...", vectors[rows].astype(np.float32), query)
    return found


def unit_rows(vectors: Float16s) -> Float16s:
    """Return rows scaled to length one, shape unchanged; zero rows stay zero."""
    for start in range(0, len(vectors), _CHUNK):
        rows = vectors[start : start + _CHUNK].astype(np.float32)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        vectors[start : start + _CHUNK] = rows / np.where(norms > 0, norms, 1)
    return vectors


def _n_lists(count: int) -> int:
    return int(LISTS_PER_ROOT * math.sqrt(count))
