"""Every topic the catalogue will have: id, title and family, written yet or not."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from kb.paths import TOPICS


@dataclass(frozen=True, slots=True)
class Topic:
    """A permanent id and what it will be about."""

    id: str
    title: str
    family: str


@lru_cache(maxsize=1)
def topics() -> dict[str, Topic]:
    """Return all topics by id, in the order of `kb/topics.tsv`."""
    with TOPICS.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {row["id"]: Topic(row["id"], row["title"], row["family"]) for row in rows}
