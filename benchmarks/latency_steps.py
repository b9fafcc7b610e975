"""What `benchmarks/latency.py` measures inside a process of its own, so that nothing is warm
or in memory that a user's process would not have. Each step prints one line of JSON.

    python -m benchmarks.latency_steps {export,fill,build,ask,agree} [NUMBER]

Caches and the user's store are those of XDG_CACHE_HOME and XDG_DATA_HOME.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from assistant.knowledge import Knowledge
    from benchmarks.queries import Query

SEED = 20240607
WARM_UP = 20
"""Queries before the clock starts: the first of each length prepares buffers for it."""

FORCED_EXACT = 1 << 40
"""Stands for EXACT_UP_TO while the exact index is built: more passages than any store holds."""


def export(_: int) -> dict[str, Any]:
    """Export the model and write what the plain script reads: vectors and texts of the bundle."""
    import numpy as np

    from ingest.encode import bundled_model, query_encoder
    from kb.paths import BUNDLE, cache_dir
    from kb.store import Store

    identity = query_encoder(_narrate).identity
    with Store.open(BUNDLE, read_only=True) as store:
        rowids, matrix = store.vectors(identity)
        texts = [one.passage.text for one in store.passages(rowids.tolist())]
        entries = sum(1 for _ in store.entries())
    folder = cache_dir() / "plain"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", matrix.astype(np.float32))
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    return {
        "model": str(bundled_model()),
        "vectors": str(folder / "vectors.npy"),
        "texts": str(folder / "texts.json"),
        "passages": len(texts),
        "entries": entries,
    }


def fill(entries: int) -> dict[str, Any]:
    """Write a user's store of made-up entries."""
    from benchmarks.synthetic import fill as write
    from ingest.encode import query_encoder
    from kb.paths import user_store

    started = time.perf_counter()
    passages = write(user_store(), query_encoder(_narrate).identity, entries)
    return {
        "user_passages": passages,
        "put_s": round(time.perf_counter() - started, 1),
        "store_mb": round(user_store().stat().st_size / 1e6),
    }


def build(_: int) -> dict[str, Any]:
    """Build the index and say what it took."""
    from assistant.knowledge import Knowledge
    from kb.paths import cache_dir

    knowledge = Knowledge.open(_narrate)
    knowledge.encoder.encode(["warm"])
    started = time.perf_counter()
    index = knowledge.index
    seconds = time.perf_counter() - started
    files = (cache_dir() / "index").glob("*/*")
    return {
        "passages": index.n_passages,
        "build_s": round(seconds, 2),
        "build_peak_mb": round(_memory_mb("VmHWM")),
        "index_mb": round(sum(one.stat().st_size for one in files) / 1e6),
    }


def ask(repeats: int) -> dict[str, Any]:
    """Ask every development query `repeats` times, shuffled; the index must be built."""
    started = time.perf_counter()
    import numpy as np

    from assistant.engine import query
    from benchmarks.queries import DATA, read_texts

    texts = read_texts(DATA / "queries_dev.jsonl")
    query(texts[0])
    first = time.perf_counter() - started
    asked = texts * repeats
    random.Random(SEED).shuffle(asked)
    for text in asked[:WARM_UP]:
        query(text)
    times: list[float] = []
    used: list[float] = []
    own = 0
    for text in asked:
        started, started_cpu = time.perf_counter(), time.process_time()
        answer = query(text)
        times.append(1000 * (time.perf_counter() - started))
        used.append(1000 * (time.process_time() - started_cpu))
        own += any(one.owner == "user" for one in answer.diagnoses)
    p50, p90, p99 = np.percentile(times, [50, 90, 99]).tolist()
    return {
        "queries": len(asked),
        "first_ms": round(1000 * first, 1),
        "p50_ms": round(p50, 2),
        "p90_ms": round(p90, 2),
        "p99_ms": round(p99, 2),
        "max_ms": round(max(times), 2),
        "cpu_p50_ms": round(float(np.median(used)), 2),
        "answers_with_user_entries": round(own / len(asked), 3),
        "resident_mb": round(_memory_mb("VmRSS")),
        "resident_without_mapped_files_mb": round(_memory_mb("RssAnon")),
        "peak_mb": round(_memory_mb("VmHWM")),
    }


def agree(_: int) -> dict[str, Any]:
    """Score the ranking of the development queries: index in use, then exact search."""
    from assistant.knowledge import Knowledge
    from benchmarks.queries import DATA, read_queries
    from kb.index import Index, dense

    knowledge = Knowledge.open(_narrate)
    names = {entry.id for entry in knowledge.bundled_entries}
    queries = read_queries(DATA / "queries_dev.jsonl", names)
    parts = knowledge.index._parts
    used = _rankings(knowledge, queries)
    with patch.object(dense, "EXACT_UP_TO", FORCED_EXACT):
        knowledge.index = Index(replace(parts, dense=dense.build(parts.vectors)))
    exact = _rankings(knowledge, queries)
    same = sum(one[:10] == other[:10] for one, other in zip(used, exact, strict=True))
    return {
        "labelled_queries": len(queries),
        "approximate": hasattr(parts.dense, "nprobe"),
        "ndcg@10": round(_ndcg(used, queries), 4),
        "ndcg@10_exact": round(_ndcg(exact, queries), 4),
        "same_first_ten": round(same / len(queries), 4),
    }


def _rankings(knowledge: Knowledge, queries: Sequence[Query]) -> list[list[str]]:
    """Return all candidates of each query, best first: the engine's ranking before its cuts."""
    from assistant import numeric
    from assistant.rank import Clues, rank
    from assistant.search import search
    from assistant.understand import understand

    found: list[list[str]] = []
    for query in queries:
        understood = understand(query.text)
        clues = Clues(numeric.readings(understood, None, knowledge.signed), {})
        searched = search(knowledge, understood, clues.names())
        ranked = rank(knowledge, understood, searched, clues)
        found.append([one.entry_id for one in ranked])
    return found


def _ndcg(rankings: Sequence[Sequence[str]], queries: Sequence[Query]) -> float:
    from benchmarks.queries import ndcg

    pairs = zip(rankings, queries, strict=True)
    return sum(ndcg(ranking, query.labels) for ranking, query in pairs) / len(queries)


def _memory_mb(what: str) -> float:
    """Return VmRSS, RssAnon or VmHWM of this process in MB (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) / 1024


def _narrate(line: str) -> None:
    print(line, file=sys.stderr)


STEPS: dict[str, Callable[[int], dict[str, Any]]] = {
    "export": export,
    "fill": fill,
    "build": build,
    "ask": ask,
    "agree": agree,
}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
