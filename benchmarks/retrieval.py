"""Does the right entry come first? Recall, nDCG, MRR and abstention against plain baselines.

    python -m benchmarks.retrieval [QUERIES.jsonl] [--cv] [--offtopic FILE] [--out FILE]

The baselines see the same passages in the same run: BM25 alone, MiniLM alone (best passage of
an entry) and their reciprocal rank fusion. With `--cv` everything fitted is fitted again on
each of five folds grouped by repository and scored on the rest; without it the shipped
parameters are used, which have seen the development queries. Only queries whose grade-2 labels
are all written count; `n` says how many.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from assistant import fits, numeric, rank
from assistant.features import Ranker, ranker
from assistant.understand import understand
from benchmarks import fit_ranker
from benchmarks.fit_ranker import Corpus
from benchmarks.queries import (
    DATA,
    Query,
    auroc,
    folds,
    ndcg,
    paired_bootstrap,
    read_queries,
    read_short,
    read_texts,
    recall,
    reciprocal_rank,
)
from kb.tokens import tokenize

RESULTS = Path(__file__).parent / "results"
Floats = npt.NDArray[np.float64]


class Baselines:
    """BM25, MiniLM and their fusion over the passages of the bundled entries."""

    def __init__(self, corpus: Corpus) -> None:
        index, stores = corpus.knowledge.index, corpus.knowledge.stores
        self.corpus = corpus
        rows = [
            (owner, passage)
            for owner, unit in enumerate(corpus.units.tolist())
            for passage in range(*index.unit_passages(unit).indices(index.n_passages))
        ]
        self.owners = np.array([owner for owner, _ in rows])
        stored = stores[0].passages([index.passage(passage)[1] for _, passage in rows])
        self.texts = [one.passage.text for one in stored]
        self.vectors = corpus.knowledge.encoder.encode(self.texts)
        self.tokens = [Counter(tokenize(text)) for text in self.texts]
        self.lengths = np.array([sum(count.values()) for count in self.tokens], dtype=float)
        self.frequency = Counter(token for count in self.tokens for token in count)

    def _best(self, scores: Floats) -> Floats:
        best = np.full(len(self.corpus.names), -np.inf)
        np.maximum.at(best, self.owners, scores)
        return best

    def minilm(self, text: str) -> Floats:
        """Return each entry's best cosine."""
        vector = self.corpus.knowledge.encoder.encode([text])[0]
        return self._best((self.vectors @ vector).astype(float))

    def bm25(self, text: str, k1: float = 1.5, b: float = 0.75) -> Floats:
        """Return each entry's best passage by BM25."""
        scores = np.zeros(len(self.texts))
        norm = k1 * (1 - b + b * self.lengths / self.lengths.mean())
        for token in tokenize(text):
            seen = self.frequency.get(token, 0)
            if seen:
                idf = np.log(1 + (len(self.texts) - seen + 0.5) / (seen + 0.5))
                counts = np.array([count.get(token, 0) for count in self.tokens], dtype=float)
                scores += idf * counts * (k1 + 1) / (counts + norm)
        return self._best(scores)

    def fused(self, text: str) -> Floats:
        """Return the reciprocal rank fusion of both, with the usual constant 60."""
        total = np.zeros(len(self.corpus.names))
        for scores in (self.bm25(text), self.minilm(text)):
            places = np.argsort(np.argsort(-scores, kind="stable"), kind="stable")
            total += 1 / (60 + places + 1)
        return total


def ours(corpus: Corpus, texts: Sequence[str], fitted: Ranker) -> tuple[Floats, Floats]:
    """Return logits of every entry and the probability that anything fits, per text.

    The same sums as the engine's: features, method and number clues, without its cut to k.
    """
    values = fit_ranker.raw_features(corpus, texts, fitted)
    vectors = corpus.encode(texts)
    methods = {entry.id: entry.methods for entry in corpus.knowledge.bundled_entries}
    logits = fitted.scale * fit_ranker.base_scores(corpus, values, fitted)
    probabilities = np.zeros(len(texts))
    for row, text in enumerate(texts):
        understood = understand(text)
        numbers = numeric.readings(understood, None, corpus.knowledge.signed)
        for place, name in enumerate(corpus.names):
            logits[row, place] += rank.method_clue(understood.methods, methods[name])
            logits[row, place] += rank.number_clue(numbers.get(name, ()))
        if fitted.fits.size:
            probabilities[row] = fits.probability(fitted, understood, vectors[row], values[row])
    return logits, probabilities


def cross_validated(
    corpus: Corpus, queries: Sequence[Query], outside: Sequence[str]
) -> tuple[Floats, Floats, Floats, Floats, dict[str, float]]:
    """Return logits, probabilities, off-topic probabilities and thresholds, all out of fold,
    and how terse queries fare."""
    place = folds([query.group for query in queries])
    away = np.arange(len(outside)) % 5
    own, terse = read_short(DATA / "short.jsonl")
    logits = np.zeros((len(queries), len(corpus.names)))
    inside, off = np.zeros(len(queries)), np.zeros(len(outside))
    cuts = np.zeros(5)
    short_in, short_off = np.zeros(len(own)), np.zeros(len(terse))
    for fold in range(5):
        kept = [query for query, at in zip(queries, place, strict=True) if at != fold]
        seen = [text for text, at in zip(outside, away, strict=True) if at != fold]
        seen += [text for at, text in enumerate(terse) if at % 5 != fold]
        fitted = fit_ranker.fit(
            corpus, kept, [text for at, text in enumerate(own) if at % 5 != fold], seen
        )
        asked = [query.text for query, at in zip(queries, place, strict=True) if at == fold]
        held = [text for text, at in zip(outside, away, strict=True) if at == fold]
        logits[place == fold], inside[place == fold] = ours(corpus, asked, fitted)
        off[away == fold] = ours(corpus, held, fitted)[1]
        asked_short, held_short = own[fold::5], terse[fold::5]
        short_in[fold::5] = ours(corpus, asked_short, fitted)[1] - fitted.threshold
        short_off[fold::5] = ours(corpus, held_short, fitted)[1] - fitted.threshold
        cuts[fold] = fitted.threshold
    short = {
        "n": len(own) + len(terse),
        "auroc": round(auroc(short_in, short_off), 4),
        "kept_on_topic": round(float((short_in >= 0).mean()), 4),
        "declined_off_topic": round(float((short_off < 0).mean()), 4),
    }
    return logits, inside, off, cuts, short


def score(
    names: Sequence[str], queries: Sequence[Query], rows: Sequence[Floats]
) -> tuple[dict[str, float], Floats]:
    """Return the metrics and the nDCG@10 of each query."""
    rankings = [[names[i] for i in np.argsort(-row, kind="stable")] for row in rows]
    pairs = list(zip(rankings, queries, strict=True))
    each = np.array([ndcg(ranking, query.labels) for ranking, query in pairs])
    found = {
        "ndcg@10": float(each.mean()),
        "recall@1": float(np.mean([recall(r, q.labels, 1) for r, q in pairs])),
        "recall@5": float(np.mean([recall(r, q.labels, 5) for r, q in pairs])),
        "mrr": float(np.mean([reciprocal_rank(r, q.labels) for r, q in pairs])),
    }
    return {name: round(value, 4) for name, value in found.items()}, each


def calibration(
    logits: Floats, inside: Floats, names: Sequence[str], queries: Sequence[Query]
) -> dict[str, float]:
    """Return mean confidence and mean correctness of the first diagnosis, and their binned gap."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares = raised / raised.sum(axis=1, keepdims=True)
    first = shares.argmax(axis=1)
    confidence = shares.max(axis=1) * inside
    right = np.array(
        [query.labels.get(names[i]) == 2 for i, query in zip(first, queries, strict=True)]
    )
    gap = 0.0
    for part in np.array_split(np.argsort(confidence), 5):
        gap += abs(confidence[part].mean() - right[part].mean()) * len(part) / len(queries)
    return {
        "confidence": round(float(confidence.mean()), 4),
        "correct": round(float(right.mean()), 4),
        "calibration_error": round(float(gap), 4),
    }


def by_family(queries: Sequence[Query], each: Floats) -> dict[str, dict[str, float]]:
    """Return nDCG@10 and count by the family of the first grade-2 label."""
    families: dict[str, list[float]] = {}
    for query, value in zip(queries, each, strict=True):
        label = next(name for name, grade in query.labels.items() if grade == 2)
        families.setdefault(label.split("/")[0], []).append(float(value))
    return {
        name: {"n": len(values), "ndcg@10": round(float(np.mean(values)), 4)}
        for name, values in sorted(families.items())
    }


def run(path: Path, offtopic: Path, cv: bool) -> dict[str, object]:
    """Measure everything once."""
    corpus = Corpus.bundled()
    queries = read_queries(path, set(corpus.names))
    outside = read_texts(offtopic)
    texts = [query.text for query in queries]
    short: dict[str, float] = {}
    if cv:
        logits, inside, off, cuts, short = cross_validated(corpus, queries, outside)
        cut = float(cuts.mean())
    else:
        logits, inside = ours(corpus, texts, ranker())
        off, cut = ours(corpus, outside, ranker())[1], ranker().threshold
    baselines = Baselines(corpus)
    methods: dict[str, Callable[[str], Floats]] = {
        "bm25": baselines.bm25,
        "minilm": baselines.minilm,
        "rrf": baselines.fused,
    }
    table: dict[str, dict[str, float]] = {}
    each: dict[str, Floats] = {}
    for name, method in methods.items():
        table[name], each[name] = score(corpus.names, queries, [method(text) for text in texts])
    table["ours"], each["ours"] = score(corpus.names, queries, list(logits))
    best = max(methods, key=lambda name: table[name]["ndcg@10"])
    low, high = paired_bootstrap(each["ours"], each[best])
    given = read_texts(DATA / "queries_offtopic_dev.jsonl")
    return {
        "queries": path.name,
        "n": len(queries),
        "entries": len(corpus.names),
        "cross_validated": cv,
        "table": table,
        "best_baseline": best,
        "gain": round(table["ours"]["ndcg@10"] / table[best]["ndcg@10"] - 1, 4),
        "difference_95": [round(low, 4), round(high, 4)],
        "abstention": {
            "n_off": len(outside),
            "auroc": round(auroc(inside, off), 4),
            "threshold": round(cut, 3),
            "kept_on_topic": round(float((inside >= cut).mean()), 4),
            "declined_off_topic": round(float((off < cut).mean()), 4),
            "accuracy": round(float(np.append(inside >= cut, off < cut).mean()), 4),
            "given_16_declined": int((ours(corpus, given, ranker())[1] < ranker().threshold).sum()),
        },
        "abstention_terse": short,
        "calibration": calibration(logits, inside, corpus.names, queries),
        "families": by_family(queries, each["ours"]),
    }


def environment() -> dict[str, str]:
    """Return what a number depends on."""
    packages = ("faiss-cpu", "numpy", "onnxruntime", "torch", "ssl-doctor")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "date": time.strftime("%Y-%m-%d"),
        **{name: version(name) for name in packages},
    }


def main() -> int:
    """Print the table and store the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("queries", nargs="?", type=Path, default=DATA / "queries_dev.jsonl")
    parser.add_argument("--offtopic", type=Path, default=DATA / "offtopic.jsonl")
    parser.add_argument("--cv", action="store_true", help="five folds grouped by repository")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    result = run(arguments.queries, arguments.offtopic, arguments.cv)
    name = "retrieval_cv.json" if arguments.cv else "retrieval.json"
    out = arguments.out or RESULTS / name
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"environment": environment(), **result}, indent=1) + "\n")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
