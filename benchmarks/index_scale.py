"""How fast and how large is the whole index? Stores of made-up entries, four passages each.

    python -m benchmarks.index_scale [--passages 3000 100000 400000]

Builds a store and its index, then loads it in a fresh process and measures loading, the first and
the warm query (dense + lexical, 64 of each) and resident memory. Words follow a Zipf law over
30,000 words, 40 a passage; a query has 10 words, drawn the same way, so common ones are in it.
Writes benchmarks/results/index_scale.json.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.index_choice import CENTRES, DIM, SEED, environment, unit
from kb.index import Index
from kb.store import Store
from kb.tokens import tokenize
from kb.types import Document, Entry, LineSpan, Passage, PassageKind

RESULT = Path(__file__).parent / "results" / "index_scale.json"
MODULE = "benchmarks.index_scale"
ENCODER = "made-up"
KINDS: tuple[PassageKind, ...] = ("title", "symptom", "cause", "fix")
ENTRIES_PER_DOCUMENT = 100
VOCABULARY = 30_000
QUERIES = 200
TOP = 64


def words(random: np.random.Generator, count: int) -> str:
    """Return words whose frequency falls with their rank."""
    ranks = random.zipf(1.2, size=count) % VOCABULARY
    return " ".join(f"w{rank}x" for rank in ranks.tolist())


def documents(random: np.random.Generator, n_passages: int) -> Iterator[Document]:
    """Yield documents of 100 entries until there are enough passages."""
    for number in range(math.ceil(n_passages / ENTRIES_PER_DOCUMENT / len(KINDS))):
        entries = tuple(
            Entry(f"d{number}/e{at}", "t", "f", "user", "draft")
            for at in range(ENTRIES_PER_DOCUMENT)
        )
        passages = tuple(
            Passage(f"{one.id} {kind}", kind, words(random, 40), LineSpan(1, 1), entry_id=one.id)
            for one in entries
            for kind in KINDS
        )
        yield Document(f"d{number}", "p", "user", "x", "t", "0", "", passages, entries)


def fill(folder: Path, n_passages: int) -> tuple[int, float]:
    """Write the store; return its number of passages and the seconds that `put` took."""
    random = np.random.default_rng(SEED)
    centres = unit(random.standard_normal((CENTRES, DIM), dtype=np.float32))
    noise = np.float32(1 / math.sqrt(DIM))
    stored, seconds = 0, 0.0
    with Store.open(folder / "store.sqlite") as store:
        for document in documents(random, n_passages):
            rows = len(document.passages)
            chosen = centres[random.integers(CENTRES, size=rows)]
            scattered = noise * random.standard_normal((rows, DIM), dtype=np.float32)
            started = time.perf_counter()
            store.put(document, unit(chosen + scattered), ENCODER)
            seconds += time.perf_counter() - started
            stored += rows
    return stored, seconds


def resident_mb(what: str) -> float:
    """Return this process's VmRSS, RssAnon or VmHWM in MB (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) / 1024


def build(folder: Path) -> dict[str, float]:
    """Build the index and say what it took."""
    started = time.perf_counter()
    with Store.open(folder / "store.sqlite") as store:
        Index.load_or_build(folder / "cache", [store], ENCODER, DIM, print_to_stderr)
    files = (folder / "cache").glob("*/*")
    return {
        "build_s": round(time.perf_counter() - started, 2),
        "build_peak_mb": round(resident_mb("VmHWM")),
        "files_mb": round(sum(one.stat().st_size for one in files) / 1e6),
    }


def search(folder: Path) -> dict[str, float]:
    """Load the index as a query does, and ask."""
    import faiss  # noqa: F401 - loading is measured on top of the imports

    with Store.open(folder / "store.sqlite") as store:
        started = time.perf_counter()
        index = Index.load_or_build(folder / "cache", [store], ENCODER, DIM, print_to_stderr)
        loaded = time.perf_counter() - started
        random = np.random.default_rng(SEED + 1)
        base = np.load(next((folder / "cache").glob("*/vectors.npy")), mmap_mode="r")
        times: list[tuple[float, float]] = []
        agreed = 0
        for _ in range(QUERIES):
            vector = base[random.integers(len(base))].astype(np.float32)
            vector += random.standard_normal(DIM, dtype=np.float32) / math.sqrt(DIM)
            tokens = dict.fromkeys(tokenize(words(random, 10)), 1.0)
            begun = time.perf_counter()
            passages, _ = index.dense(vector, TOP)
            between = time.perf_counter()
            index.lexical(tokens, TOP)
            times.append((between - begun, time.perf_counter() - between))
            if len(times) % 10 == 0:
                agreed += len(np.intersect1d(passages, exact(base, vector)))
        both = 1000 * np.sum(times[10:], axis=1)
        dense, lexical = 1000 * np.median(times[10:], axis=0)
    return {
        "load_ms": round(1000 * loaded, 1),
        "first_query_ms": round(1000 * sum(times[0]), 1),
        "query_p50_ms": round(float(np.percentile(both, 50)), 2),
        "query_p99_ms": round(float(np.percentile(both, 99)), 2),
        "dense_p50_ms": round(float(dense), 2),
        "lexical_p50_ms": round(float(lexical), 2),
        "recall_64": round(agreed / (QUERIES // 10 * TOP), 4),
        "resident_mb": round(resident_mb("VmRSS")),
        "resident_without_mapped_files_mb": round(resident_mb("RssAnon")),
    }


def exact(base: Any, vector: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return the 64 nearest rows by brute force, a piece at a time."""
    pieces = [
        base[start : start + 20_000].astype(np.float32) @ vector
        for start in range(0, len(base), 20_000)
    ]
    return np.argpartition(-np.concatenate(pieces), TOP)[:TOP]


def print_to_stderr(line: str) -> None:
    """Narrate."""
    print(line, file=sys.stderr)


def main() -> None:
    """Run all sizes, building and searching in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--passages", type=int, nargs="+", default=[3000, 100_000, 400_000])
    parser.add_argument("--step", choices=["build", "search"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps({"build": build, "search": search}[arguments.step](arguments.folder)))
        return
    report: dict[str, Any] = {"environment": environment(), "results": []}
    for wanted in arguments.passages:
        with tempfile.TemporaryDirectory() as folder:
            stored, seconds = fill(Path(folder), wanted)
            record: dict[str, Any] = {"passages": stored, "put_s": round(seconds, 2)}
            record["store_mb"] = round((Path(folder) / "store.sqlite").stat().st_size / 1e6)
            for step in ("build", "search"):
                command = [sys.executable, "-m", MODULE, "--step", step, "--folder", folder]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                record |= json.loads(output)
        print(record, flush=True)
        report["results"].append(record)
        RESULT.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
