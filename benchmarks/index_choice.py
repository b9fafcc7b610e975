"""Which FAISS index should hold the passages? Measures six kinds at three sizes.

    python -m benchmarks.index_choice [--sizes 10000 100000 400000] [--kinds flat ivf_fp16 ...]

Vectors: mixtures around 2,000 unit centres plus noise (cosine 0.5 inside a mixture), float16 as
the store keeps them; half of the queries lie between two centres, which is hard for partitions.
Each kind runs in a process of its own; approximate kinds fetch 128 and are ranked again by exact
cosines from the memory map, as `kb.index` does. Writes benchmarks/results/index_choice.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

RESULT = Path(__file__).parent / "results" / "index_choice.json"
DIM = 384
CENTRES = 2000
QUERIES = 200
TOP = 64
FETCHED = 128
THREADS = 2
SEED = 20240607

Float32s = npt.NDArray[np.float32]


def unit(rows: Float32s) -> Float32s:
    """Return rows scaled to length one."""
    scaled: Float32s = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def make_data(folder: Path, size: int) -> None:
    """Write vectors.npy (size, 384) float16, queries.npy and the exact top 64 of each query."""
    random = np.random.default_rng(SEED)
    centres = unit(random.standard_normal((CENTRES, DIM), dtype=np.float32))
    target = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float16, shape=(size, DIM)
    )
    noise = np.float32(1 / math.sqrt(DIM))
    for start in range(0, size, 20_000):
        rows = min(20_000, size - start)
        chosen = centres[random.integers(CENTRES, size=rows)]
        noisy = chosen + noise * random.standard_normal((rows, DIM), dtype=np.float32)
        target[start : start + rows] = unit(noisy)
    first, second = centres[random.integers(CENTRES, size=(2, QUERIES))]
    second[: QUERIES // 2] = first[: QUERIES // 2]
    noisy = first + second + noise * random.standard_normal((QUERIES, DIM), dtype=np.float32)
    queries = unit(noisy)
    scores = np.concatenate(
        [
            queries @ target[start : start + 20_000].astype(np.float32).T
            for start in range(0, size, 20_000)
        ],
        axis=1,
    )
    exact = np.argpartition(-scores, TOP, axis=1)[:, :TOP]
    np.save(folder / "queries.npy", queries)
    np.save(folder / "exact.npy", exact)


def resident_mb() -> float:
    """Return this process's resident memory in MB (Linux), without pages of mapped files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("RssAnon"))
    return int(kilobytes) / 1024


def make_index(faiss: Any, kind: str, size: int) -> Any:
    """Return an empty index of the kind, with the settings that suit the size."""
    product = faiss.METRIC_INNER_PRODUCT
    if kind == "flat":
        return faiss.IndexFlatIP(DIM)
    if kind == "flat_fp16":
        return faiss.IndexScalarQuantizer(DIM, faiss.ScalarQuantizer.QT_fp16, product)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(DIM, 32, product)
        index.hnsw.efConstruction = 60
        return index
    lists = max(16, int(4 * math.sqrt(size)))
    if kind == "ivf_flat":
        index = faiss.index_factory(DIM, f"IVF{lists},Flat", product)
    else:
        index = faiss.index_factory(DIM, f"IVF{lists},SQ{kind.removeprefix('ivf_sq')}", product)
    index.cp.niter = 10
    index.cp.max_points_per_centroid = 40
    return index


def effort_setter(index: Any, kind: str) -> tuple[Callable[[int], None], tuple[int, ...]]:
    """Return how to set an approximate index's effort, and the efforts to try."""

    def set_hnsw(effort: int) -> None:
        index.hnsw.efSearch = effort

    def set_ivf(effort: int) -> None:
        index.nprobe = effort

    if kind == "hnsw":
        return set_hnsw, (128, 256, 512)
    return (set_ivf, (32, 64, 128, 256)) if kind.startswith("ivf") else (lambda _: None, (0,))


def measure(folder: Path, kind: str) -> dict[str, Any]:
    """Build one index, then search it one query at a time, as a user does."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    queries, exact = np.load(folder / "queries.npy"), np.load(folder / "exact.npy")
    index = make_index(faiss, kind, len(vectors))
    started = time.perf_counter()
    if not index.is_trained:
        step = max(1, len(vectors) // (40 * index.nlist))
        index.train(vectors[::step].astype(np.float32))
    for start in range(0, len(vectors), 20_000):
        index.add(vectors[start : start + 20_000].astype(np.float32))
    built = time.perf_counter() - started
    path = folder / f"{kind}.faiss"
    faiss.write_index(index, str(path))
    del index
    before = resident_mb()
    started = time.perf_counter()
    index = faiss.read_index(str(path))
    record: dict[str, Any] = {
        "kind": kind,
        "size": len(vectors),
        "build_s": round(built, 2),
        "load_ms": round(1000 * (time.perf_counter() - started), 1),
        "file_mb": round(path.stat().st_size / 1e6, 1),
        "resident_mb": round(resident_mb() - before, 1),
        "search": [],
    }
    path.unlink()
    set_effort, efforts = effort_setter(index, kind)
    for effort in efforts:
        set_effort(effort)
        for threads in (THREADS, 1):
            faiss.omp_set_num_threads(threads)
            searched = search_all(index, kind, vectors, queries, exact)
            record["search"].append({"effort": effort, "threads": threads, **searched})
    return record


def search_all(
    index: Any, kind: str, vectors: Any, queries: Float32s, exact: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Return latency in ms and recall of the top 64 over all queries."""
    times, found = [], 0
    for number, query in enumerate(queries):
        started = time.perf_counter()
        _, ids = index.search(query[None], TOP if kind.startswith("flat") else FETCHED)
        rows = ids[0][ids[0] >= 0]
        if not kind.startswith("flat"):
            rows = np.sort(rows)
            cosines = vectors[rows].astype(np.float32) @ query
            rows = rows[np.argsort(-cosines)[:TOP]]
        times.append(1000 * (time.perf_counter() - started))
        found += len(np.intersect1d(rows, exact[number]))
    return {
        "p50_ms": round(float(np.percentile(times[10:], 50)), 3),
        "p99_ms": round(float(np.percentile(times[10:], 99)), 3),
        "recall_64": round(found / exact.size, 4),
    }


def environment() -> dict[str, Any]:
    """Return what the numbers depend on."""
    import faiss

    cpu = Path("/proc/cpuinfo")
    models = [
        line.split(":", 1)[1].strip()
        for line in (cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "faiss": faiss.__version__,
        "faiss_options": faiss.get_compile_options().strip(),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "system": platform.platform(),
        "date": time.strftime("%Y-%m-%d"),
    }


def main() -> None:
    """Run all kinds at all sizes, each in a process of its own, and write the result file."""
    kinds = ["flat", "flat_fp16", "ivf_flat", "ivf_sq8", "ivf_sqfp16", "hnsw"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 400_000])
    parser.add_argument("--kinds", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.kinds[0])))
        return
    settings = {"dim": DIM, "centres": CENTRES, "queries": QUERIES, "top": TOP, "seed": SEED}
    report: dict[str, Any] = {"environment": environment(), "settings": settings, "results": []}
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            make_data(Path(folder), size)
            for kind in arguments.kinds:
                command = [sys.executable, __file__, "--one", folder, "--kinds", kind]
                output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                report["results"].append(json.loads(output))
                print(output, flush=True)
                RESULT.parent.mkdir(exist_ok=True)
                RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
