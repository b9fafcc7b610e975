"""Fit what the ranking learns, and write `assistant/ranker.npz`.

    python -m benchmarks.fit_ranker

Learned from the entries' own phrasings and the development queries: a low-rank adapter of
the query vector, the weights of the features, the temperature of the confidences, and the
decision whether a query is about this field at all. `benchmarks/retrieval.py --cv` reports
all of it by cross-validation; the file written here is fitted on everything.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from assistant import features
from assistant.features import Float32s, Ranker, match, query_tokens
from assistant.knowledge import Knowledge
from assistant.understand import understand
from benchmarks.queries import DATA, Query, folds, read_queries, read_short, read_texts
from kb.store_records import KIND_CODES

RANK = 32
EPOCHS = 30
TEMPERATURE = 0.07
QUERY_WEIGHT = 3.0
"""Chosen by cross-validation among ranks 8 to 128, 15 to 100 epochs, temperatures 0.05 to 0.1
and weights 0 to 10; the choice is flat around these (docs/decisions.md)."""

MIX = np.array([0.5, 1.0, 0.7, 0.5, 2.0])
"""Share of each feature of `features.NAMES` after division by its spread: two of the words, five
of the meaning. Fitting them as well gave nothing in cross-validation."""

INNER = 4
"""Folds inside a fit, from which the decision about fitting learns."""

PRIOR_WEIGHT = 0.6
PRIOR_COUNT = 2.0
"""An entry seen c times (half-useful labels count a third) gains 0.6 ln(c + 2), in units of one
feature's spread: some failures are simply met more often. Worth 0.01 nDCG in cross-validation."""

TAUGHT = ("phrasing", "title", "symptom", "cause")


@dataclass(frozen=True, eq=False)
class Corpus:
    """What every fit starts from: entries with their passages' vectors, shape (n, d)."""

    knowledge: Knowledge
    names: list[str]
    units: npt.NDArray[np.int64]
    vectors: Float32s
    owners: npt.NDArray[np.int64]
    is_phrasing: npt.NDArray[np.bool_]

    @classmethod
    def bundled(cls) -> Corpus:
        """Take the bundled entries only; a user's documents must not move the fit."""
        knowledge = Knowledge.open()
        index = knowledge.index
        numbered = [(index.unit(unit).entry_id, unit) for unit in range(index.n_units)]
        held = [(str(name), unit) for name, unit in numbered if name]
        names, units = [name for name, _ in held], np.array([unit for _, unit in held])
        rowids, matrix = knowledge.bundled.vectors(knowledge.encoder.identity)
        place = {int(rowid): row for row, rowid in enumerate(rowids)}
        taught = {KIND_CODES[kind] for kind in TAUGHT}  # type: ignore[index]
        rows: list[int] = []
        owners: list[int] = []
        said: list[bool] = []
        for owner, unit in enumerate(units.tolist()):
            span = index.unit_passages(unit)
            for passage in range(span.start, span.stop):
                if int(index.kinds[passage]) in taught:
                    rows.append(place[index.passage(passage)[1]])
                    owners.append(owner)
                    said.append(int(index.kinds[passage]) == KIND_CODES["phrasing"])
        vectors = matrix[rows].astype(np.float32)
        return cls(knowledge, names, units, vectors, np.array(owners), np.array(said))

    def encode(self, texts: Sequence[str]) -> Float32s:
        """Encode as the engine does: what remains after understanding."""
        said = [understand(text).positive_text for text in texts]
        vectors: Float32s = self.knowledge.encoder.encode(said)
        return vectors

    def grades(self, queries: Sequence[Query]) -> npt.NDArray[np.float32]:
        """Return gains 2^grade - 1 of shape (queries, entries), each row summing to one."""
        gains = np.array(
            [[2.0 ** query.labels.get(name, 0) - 1 for name in self.names] for query in queries]
        ).reshape(len(queries), len(self.names))
        shares = gains / np.maximum(gains.sum(axis=1, keepdims=True), 1e-9)
        return np.asarray(shares, dtype=np.float32)


def fit_adapter(
    corpus: Corpus, queries: Float32s, gains: npt.NDArray[np.float32], seed: int = 0
) -> tuple[Float32s, Float32s]:
    """Return `down` (d, r) and `up` (r, d): a query, moved by them, lies nearer its entry."""
    generator = torch.Generator().manual_seed(seed)
    d, entries = corpus.vectors.shape[1], len(corpus.names)
    down = (torch.randn(d, RANK, generator=generator) * 0.05).requires_grad_()
    up = torch.zeros(RANK, d, requires_grad=True)
    keys, owners = torch.from_numpy(corpus.vectors), torch.from_numpy(corpus.owners)
    members = torch.nn.functional.one_hot(owners, entries).float()
    said = torch.from_numpy(np.flatnonzero(corpus.is_phrasing))
    asked, wanted = torch.from_numpy(queries), torch.from_numpy(gains)
    optimiser = torch.optim.AdamW([down, up], lr=0.01, weight_decay=0.01)

    def log_scores(vectors: torch.Tensor, without: torch.Tensor | None) -> torch.Tensor:
        moved = torch.nn.functional.normalize(vectors + vectors @ down @ up, dim=1)
        similar = moved @ keys.T / TEMPERATURE
        if without is not None:  # a phrasing must find its entry by the others
            similar[torch.arange(len(without)), without] = -1e4
        top = similar.max(dim=1, keepdim=True).values
        mean = torch.exp(similar - top) @ members / members.sum(dim=0)
        return torch.log(mean + 1e-9)

    for _ in range(EPOCHS):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(log_scores(keys[said], said), owners[said])
        if len(queries):
            scores = torch.log_softmax(log_scores(asked, None), dim=1)
            loss = loss - QUERY_WEIGHT * (wanted * scores).sum(dim=1).mean()
        loss.backward()
        optimiser.step()
    return down.detach().numpy(), up.detach().numpy()


def raw_features(corpus: Corpus, texts: Sequence[str], ranker: Ranker) -> Float32s:
    """Return features of every entry for every text, shape (texts, entries, features)."""
    index, encoder = corpus.knowledge.index, corpus.knowledge.encoder
    rows: list[Float32s] = []
    for text, vector in zip(texts, corpus.encode(texts), strict=True):
        adapted = ranker.adapt(vector, encoder.identity)
        tokens = query_tokens(understand(text).positive_text)
        order = np.argsort(corpus.units)
        values = match(index, vector, adapted, tokens, corpus.units[order]).values
        rows.append(values[np.argsort(order)])
    return np.array(rows)


def logistic(x: Float32s, y: npt.NDArray[np.float64], ridge: float) -> tuple[Float32s, float]:
    """Return weights and bias of a class-balanced logistic regression with an L2 penalty."""
    inputs, labels = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y).float()
    weights = torch.zeros(x.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    balance = torch.where(labels > 0, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    optimiser = torch.optim.LBFGS([weights, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weights + bias, labels, weight=balance
        )
        loss = loss + ridge * (weights**2).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return weights.detach().numpy(), float(bias.detach())


def fit_ranking(corpus: Corpus, queries: Sequence[Query]) -> Ranker:
    """Fit adapter and weights; the decision about fitting is left at zero."""
    vectors = corpus.encode([query.text for query in queries])
    down, up = fit_adapter(corpus, vectors, corpus.grades(queries))
    d = corpus.vectors.shape[1]
    blank = np.zeros(len(features.NAMES), dtype=np.float32)
    ranker = Ranker(
        down, up, blank, {"": 0.0}, 1.0, np.zeros(d, np.float32), 0.0, np.zeros(0, np.float32), 0.5,
        corpus.knowledge.encoder.identity,
    )  # fmt: skip
    values = raw_features(corpus, [query.text for query in queries], ranker)
    spread = values.std(axis=1).mean(axis=0)
    return replace(
        ranker, weights=(MIX / spread).astype(np.float32), prior=fit_prior(corpus, queries)
    )


def fit_prior(corpus: Corpus, queries: Sequence[Query]) -> dict[str, float]:
    """Return what each entry's frequency among the labels adds to its score."""
    counts = dict.fromkeys(corpus.names, 0.0)
    for query in queries:
        for name, grade in query.labels.items():
            if name in counts:
                counts[name] += 1.0 if grade == 2 else 1 / 3
    prior = {
        name: PRIOR_WEIGHT * float(np.log(count + PRIOR_COUNT)) for name, count in counts.items()
    }
    return {"": PRIOR_WEIGHT * float(np.log(PRIOR_COUNT)), **prior}


def base_scores(corpus: Corpus, values: Float32s, ranker: Ranker) -> npt.NDArray[np.float64]:
    """Return the scores that the engine scales: weighted features and prior."""
    prior = np.array([ranker.prior_of(name) for name in corpus.names])
    return np.asarray(values @ ranker.weights + prior, dtype=np.float64)


def fit_scale(scores: npt.NDArray[np.float64], gains: npt.NDArray[np.float32]) -> float:
    """Return the factor that makes softmax(factor x score) the probability of being right.

    Fitted on whether the first is a grade-2 label (Brier score): a query often has two right
    answers, and the likelihood of both at once would make every confidence too low.
    """
    factors = np.linspace(0.05, 3.0, 60)
    first = scores.argmax(axis=1)
    best = gains.max(axis=1)
    right = (gains[np.arange(len(first)), first] >= best - 1e-6).astype(float)

    def loss(factor: float) -> float:
        logits = factor * scores
        logits = logits - logits.max(axis=1, keepdims=True)
        share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return float(((share.max(axis=1) - right) ** 2).mean())

    return float(min(factors, key=loss))


def fit_domain(corpus: Corpus, inside: Float32s, outside: Float32s) -> tuple[Float32s, float]:
    """Return a direction and bias that separate this field's texts from all others."""
    own = np.concatenate([corpus.vectors, inside])
    x = np.concatenate([own, outside])
    y = np.concatenate([np.ones(len(own)), np.zeros(len(outside))])
    return logistic(x, y, ridge=0.003)


def fits_features(
    corpus: Corpus, texts: Sequence[str], ranker: Ranker, values: Float32s
) -> Float32s:
    """Return what the engine's decision looks at, shape (texts, 6)."""
    from assistant.fits import evidence

    rows = [
        evidence(ranker, understand(text), vector, value)
        for text, vector, value in zip(texts, corpus.encode(texts), values, strict=True)
    ]
    return np.array(rows, dtype=np.float32)


def fit_fits(
    corpus: Corpus,
    queries: Sequence[Query],
    inside: Sequence[str],
    outside: Sequence[str],
    ranker: Ranker,
) -> Ranker:
    """Fit the decision whether anything fits, on inner folds so that it sees honest features.

    `inside` are on-topic texts without labels: terse ones, which issue threads lack.
    """
    inner = folds([query.group for query in queries], INNER, seed=1)
    x: list[Float32s] = []
    y: list[float] = []
    logits: list[npt.NDArray[np.float64]] = []
    gains: list[npt.NDArray[np.float32]] = []
    for fold in range(INNER):
        kept = [query for query, at in zip(queries, inner, strict=True) if at != fold]
        left = [query for query, at in zip(queries, inner, strict=True) if at == fold]
        part = fit_ranking(corpus, kept)
        known = [query.text for query in kept] + _others(inside, fold)
        domain, bias = fit_domain(
            corpus, corpus.encode(known), corpus.encode(_others(outside, fold))
        )
        part = replace(part, domain=domain, domain_bias=bias)
        own = [query.text for query in left] + list(inside[fold::INNER])
        held = own + list(outside[fold::INNER])
        values = raw_features(corpus, held, part)
        x.append(fits_features(corpus, held, part, values))
        y += [1.0] * len(own) + [0.0] * (len(held) - len(own))
        logits.append(base_scores(corpus, values[: len(left)], part))
        gains.append(corpus.grades(left))
    weights, bias = logistic(np.concatenate(x), np.array(y), ridge=0.002)
    scale = fit_scale(np.concatenate(logits), np.concatenate(gains))
    texts = [query.text for query in queries] + list(inside)
    domain, domain_bias = fit_domain(corpus, corpus.encode(texts), corpus.encode(outside))
    probability = 1 / (1 + np.exp(-(np.concatenate(x) @ weights + bias)))
    return replace(
        ranker,
        scale=scale,
        domain=domain,
        domain_bias=domain_bias,
        fits=np.append(weights, bias).astype(np.float32),
        threshold=_threshold(probability, np.array(y)),
    )


def _others(texts: Sequence[str], fold: int) -> list[str]:
    return [text for number, text in enumerate(texts) if number % INNER != fold]


def _threshold(probability: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Return the cut with the best balanced accuracy, in the middle of its plateau."""
    cuts = np.linspace(0.05, 0.95, 181)
    right = [
        (probability[y > 0] >= cut).mean() + (probability[y == 0] < cut).mean() for cut in cuts
    ]
    return float(np.median(cuts[np.array(right) >= max(right) - 1e-9]))


def fit(
    corpus: Corpus, queries: Sequence[Query], inside: Sequence[str], outside: Sequence[str]
) -> Ranker:
    """Fit everything on the given queries, unlabelled on-topic and off-topic texts."""
    return fit_fits(corpus, queries, inside, outside, fit_ranking(corpus, queries))


def save(ranker: Ranker, path: Path = features.RANKER) -> None:
    """Write the parameters; float16 where precision does not matter."""
    np.savez_compressed(
        path,
        down=ranker.down.astype(np.float16),
        up=ranker.up.astype(np.float16),
        weights=ranker.weights,
        prior_names=np.array(list(ranker.prior)),
        prior=np.array(list(ranker.prior.values())),
        scale=np.float64(ranker.scale),
        domain=ranker.domain.astype(np.float16),
        domain_bias=np.float64(ranker.domain_bias),
        fits=ranker.fits,
        threshold=np.float64(ranker.threshold),
        encoder=np.array(ranker.encoder),
    )


def main() -> int:
    """Fit on all development queries and write the file."""
    corpus = Corpus.bundled()
    queries = read_queries(DATA / "queries_dev.jsonl", set(corpus.names))
    inside, terse = read_short(DATA / "short.jsonl")
    ranker = fit(corpus, queries, inside, read_texts(DATA / "offtopic.jsonl") + terse)
    save(ranker)
    sys.stdout.write(
        f"{features.RANKER}: {len(queries)} queries, weights {np.round(ranker.weights, 2)}, "
        f"scale {ranker.scale:.2f}, fits {np.round(ranker.fits, 2)}, "
        f"threshold {ranker.threshold:.2f}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
