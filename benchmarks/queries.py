"""Labelled queries: reading them, folding them by repository, scoring a ranking."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Query:
    """A symptom with graded labels: 2 answers it, 1 is useful. `group` is its repository."""

    id: str
    text: str
    group: str
    labels: dict[str, int]
    hard: bool


def read_queries(path: Path, written: Collection[str]) -> list[Query]:
    """Return the queries whose grade-2 labels all name written entries (and that have one)."""
    found: list[Query] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        best = [name for name, grade in item["labels"].items() if grade == 2]
        if best and all(name in written for name in best):
            group = str(item["id"]).split("#")[0]
            hard = bool(item.get("hard", False))
            found.append(Query(item["id"], item["query"], group, item["labels"], hard))
    return found


def read_texts(path: Path) -> list[str]:
    """Return the `query` of every line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["query"]) for line in lines]


def read_short(path: Path) -> tuple[list[str], list[str]]:
    """Return terse search-box queries that are about this field, and those that are not."""
    items = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    inside = [str(item["query"]) for item in items if item["fits"]]
    return inside, [str(item["query"]) for item in items if not item["fits"]]


def folds(groups: Sequence[str], count: int = 5, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return a fold per query; all queries of one repository share it."""
    names = sorted(set(groups))
    np.random.default_rng(seed).shuffle(names)
    place = {name: number % count for number, name in enumerate(names)}
    return np.array([place[group] for group in groups], dtype=np.int64)


def ndcg(ranking: Sequence[str], labels: dict[str, int], k: int = 10) -> float:
    """Return nDCG@k with gain 2^grade - 1."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    gains = [2.0 ** labels.get(name, 0) - 1 for name in ranking[:k]]
    ideal = sorted((2.0**grade - 1 for grade in labels.values()), reverse=True)[:k]
    best = float(np.dot(ideal, discounts[: len(ideal)]))
    return float(np.dot(gains, discounts[: len(gains)])) / best if best else 0.0


def recall(ranking: Sequence[str], labels: dict[str, int], k: int) -> float:
    """Return the share of grade-2 labels (grade 1 where there is none) among the first k."""
    wanted = [name for name, grade in labels.items() if grade == 2]
    wanted = wanted or [name for name, grade in labels.items() if grade == 1]
    return sum(name in ranking[:k] for name in wanted) / len(wanted) if wanted else 0.0


def reciprocal_rank(ranking: Sequence[str], labels: dict[str, int]) -> float:
    """Return 1 / rank of the first grade-2 label, 0 when there is none."""
    for place, name in enumerate(ranking, 1):
        if labels.get(name) == 2:
            return 1 / place
    return 0.0


def auroc(inside: Floats, outside: Floats) -> float:
    """Return the probability that an on-topic score is above an off-topic one."""
    above = (inside[:, None] > outside[None, :]).mean()
    return float(above + 0.5 * (inside[:, None] == outside[None, :]).mean())


def paired_bootstrap(left: Floats, right: Floats, rounds: int = 10_000) -> tuple[float, float]:
    """Return the 95% interval of the mean difference left - right over resampled queries."""
    rng = np.random.default_rng(0)
    difference = left - right
    rows = rng.integers(0, len(difference), size=(rounds, len(difference)))
    means = difference[rows].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
