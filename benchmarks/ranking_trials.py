"""What was tried for the ranking, under one cross-validation: what won, and what did not.

    python -m benchmarks.ranking_trials [--only NAME ...]

Every variant is fitted on four folds of the development queries (grouped by repository) and
scored on the fifth. `shipped` is what `fit_ranker` fits. Writes results/ranking_trials.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from benchmarks import fit_ranker
from benchmarks.fit_ranker import Corpus
from benchmarks.queries import DATA, Query, folds, ndcg, read_queries
from benchmarks.retrieval import environment
from ingest.encode import model_source
from kb.encoder import Vectors

RESULT = Path(__file__).parent / "results" / "ranking_trials.json"
Floats = npt.NDArray[np.float64]
Variant = Callable[[Corpus, Sequence[Query], Sequence[Query]], Floats]

ROUNDS = 60
BATCH = 24
"""Steps of fine-tuning and pairs in each: about one pass over titles, phrasings and queries."""


def shipped(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Return scores as the engine has them."""
    fitted = fit_ranker.fit_ranking(corpus, kept)
    values = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)
    return fit_ranker.base_scores(corpus, values, fitted)


def without_prior(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Leave out how often an entry is met."""
    fitted = replace(fit_ranker.fit_ranking(corpus, kept), prior={"": 0.0})
    values = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)
    return fit_ranker.base_scores(corpus, values, fitted)


def without_adapter(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Leave the query vector as the encoder gives it."""
    fitted = fit_ranker.fit_ranking(corpus, kept)
    fitted = replace(fitted, up=np.zeros_like(fitted.up))
    values = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)
    return fit_ranker.base_scores(corpus, values, fitted)


def adapter_from_phrasings(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Fit the adapter without any query: what a new entry gets before anyone asked for it."""
    fitted = fit_ranker.fit_ranking(corpus, kept)
    nothing = np.zeros((0, corpus.vectors.shape[1]), np.float32)
    down, up = fit_ranker.fit_adapter(corpus, nothing, np.zeros((0, len(corpus.names)), np.float32))
    fitted = replace(fitted, down=down, up=up)
    values = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)
    return fit_ranker.base_scores(corpus, values, fitted)


def rank_fusion(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Fuse the same features by reciprocal ranks instead of a weighted sum."""
    fitted = fit_ranker.fit_ranking(corpus, kept)
    values = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)
    places = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray((fit_ranker.MIX / (60 + places + 1)).sum(axis=2), dtype=np.float64)


def feedback(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Move each query a fifth of the way to its three nearest passages (Rocchio)."""
    fitted = fit_ranker.fit_ranking(corpus, kept)

    class Moved(Corpus):
        def encode(self, texts: Sequence[str]) -> Vectors:
            vectors = super().encode(texts)
            nearest = np.argsort(-(vectors @ self.vectors.T), axis=1)[:, :3]
            vectors = 0.8 * vectors + 0.2 * self.vectors[nearest].mean(axis=1)
            return np.asarray(
                vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32
            )

    moved = Moved(**{name: getattr(corpus, name) for name in Corpus.__dataclass_fields__})
    values = fit_ranker.raw_features(moved, [query.text for query in left], fitted)
    return fit_ranker.base_scores(corpus, values, fitted)


def fine_tuned(corpus: Corpus, kept: Sequence[Query], left: Sequence[Query]) -> Floats:
    """Train the encoder itself on phrasings and queries; dense score alone plus the words."""
    encode = _fine_tune(corpus, kept)
    spans = [corpus.knowledge.index.unit_passages(unit) for unit in corpus.units.tolist()]
    index, store = corpus.knowledge.index, corpus.knowledge.bundled
    rowids = [[index.passage(p)[1] for p in range(span.start, span.stop)] for span in spans]
    texts = [[one.passage.text for one in store.passages(rows)] for rows in rowids]
    flat = encode([text for part in texts for text in part])
    owners = np.repeat(np.arange(len(texts)), [len(part) for part in texts])
    asked = encode([query.text for query in left])
    cosines = asked @ flat.T
    best = np.array(
        [[np.sort(row[owners == o])[-5:].mean() for o in range(len(texts))] for row in cosines]
    )
    fitted = fit_ranker.fit_ranking(corpus, kept)
    words = fit_ranker.raw_features(corpus, [query.text for query in left], fitted)[:, :, -1]
    return np.asarray(
        2.7 * best / best.std(axis=1).mean() + 2.0 * words / words.std(axis=1).mean(),
        dtype=np.float64,
    )


def _fine_tune(corpus: Corpus, kept: Sequence[Query]) -> Callable[[Sequence[str]], Vectors]:
    from sentence_transformers import SentenceTransformer

    torch.manual_seed(0)
    model = SentenceTransformer(model_source(), device="cpu")
    store = corpus.knowledge.bundled
    said = store.passages(store.rowids_of("phrasing", "title", "symptom"))
    pairs = [(one.passage.text, str(one.passage.entry_id)) for one in said]
    pairs += [(q.text, name) for q in kept for name, g in q.labels.items() if g == 2] * 3
    by_entry: dict[str, list[str]] = {}
    for one in said:
        by_entry.setdefault(str(one.passage.entry_id), []).append(one.passage.text)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-5)
    rng = np.random.default_rng(0)

    def forward(texts: list[str]) -> torch.Tensor:
        batch = model.tokenizer(
            texts, padding=True, truncation=True, max_length=64, return_tensors="pt"
        )
        hidden = model[0].auto_model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)

    for _ in range(ROUNDS):
        chosen = [pairs[i] for i in rng.choice(len(pairs), BATCH, replace=False)]
        names = [name for _, name in chosen]
        others = [by_entry[name][rng.integers(len(by_entry[name]))] for name in names]
        logits = forward([text for text, _ in chosen]) @ forward(others).T / 0.05
        same = torch.tensor([[a == b for b in names] for a in names]).float()
        target = same / same.sum(dim=1, keepdim=True)
        loss = -(target * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    return lambda texts: np.asarray(
        model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    )


VARIANTS: dict[str, Variant] = {
    "shipped": shipped,
    "without_prior": without_prior,
    "without_adapter": without_adapter,
    "adapter_from_phrasings": adapter_from_phrasings,
    "rank_fusion": rank_fusion,
    "feedback": feedback,
    "fine_tuned": fine_tuned,
}


def main() -> int:
    """Score the variants and store the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    corpus = Corpus.bundled()
    queries = read_queries(DATA / "queries_dev.jsonl", set(corpus.names))
    place = folds([query.group for query in queries])
    table: dict[str, dict[str, float]] = {}
    for name in parser.parse_args().only:
        each = np.zeros(len(queries))
        for fold in range(5):
            kept = [query for query, at in zip(queries, place, strict=True) if at != fold]
            left = [query for query, at in zip(queries, place, strict=True) if at == fold]
            scores = VARIANTS[name](corpus, kept, left)
            each[place == fold] = [
                ndcg([corpus.names[i] for i in np.argsort(-row, kind="stable")], query.labels)
                for row, query in zip(scores, left, strict=True)
            ]
        table[name] = {"ndcg@10": round(float(each.mean()), 4)}
        sys.stdout.write(f"{name:<24} {each.mean():.4f}\n")
        sys.stdout.flush()
    if RESULT.is_file():
        table = {**json.loads(RESULT.read_text())["table"], **table}
    result = {"environment": environment(), "n": len(queries), "table": table}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
