"""The canonical metric names, and how a name in somebody's log becomes one of them.

A name with two meanings is resolved by method, logger or values, or it stays unresolved.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from kb.errors import InputUnreadable, UsageError, nearest
from kb.run import FloatArray
from kb.vocabulary_rules import (
    Ambiguity,
    Context,
    Pattern,
    Resolution,
    Split,
    ambiguity_from,
    pattern_from,
)

Direction = Literal["higher is better", "lower is better"]

OWN_LOGGER = "ssldoctor"
"""The logger name under which canonical names are taken as they stand, `temp` included."""

_LONGEST_NAME = 200
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_SPLITS: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "fit": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "eval": "val",
    "test": "test",
}
_PREFIXES = (*_SPLITS, "perf", "opt", "loss", "losses", "stats", "metrics", "hparams")
_SUFFIX = re.compile(r"_(step|epoch|avg|dataloader_idx_\d+)$")


@dataclass(frozen=True, slots=True)
class Metric:
    """One canonical metric. `aliases` maps each spelling in logs to a factor into `unit`."""

    name: str
    meaning: str
    unit: str
    direction: Direction | None
    healthy: str
    aliases: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """All metrics with their spellings; get it from `vocabulary()`."""

    _metrics: Mapping[str, Metric]
    _spellings: Mapping[str, tuple[str, float]]
    _ambiguous: Mapping[str, Ambiguity]
    _patterns: tuple[Pattern, ...]
    _by_identifier: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._metrics.values())

    def __contains__(self, name: object) -> bool:
        return name in self._metrics

    def names(self) -> tuple[str, ...]:
        """Return every canonical name, related ones together."""
        return tuple(self._metrics)

    def metric(self, name: str) -> Metric:
        """Return a metric by its canonical name; UsageError with the nearest one otherwise."""
        if name not in self._metrics:
            raise UsageError(f'unknown metric "{name}"{nearest(name, self._metrics)}')
        return self._metrics[name]

    def identifier(self, name: str) -> str:
        """Return the spelling in signatures, `term__inv` for `term/inv`; UsageError if unknown."""
        return self.metric(name).name.replace("/", "__")

    def from_identifier(self, identifier: str) -> str | None:
        """Return the canonical name of a signature's spelling, or None when there is none."""
        return self._by_identifier.get(identifier)

    def nearest(self, name: str) -> str | None:
        """Return the canonical name whose name or alias is spelled most like `name`, if any."""
        plain = normalise(name[:_LONGEST_NAME])
        close = difflib.get_close_matches(plain, self._spellings, n=1, cutoff=0.6)
        return self._spellings[close[0]][0] if close else None

    def resolve(
        self,
        logged_name: str,
        *,
        method: str | None = None,
        logger: str | None = None,
        values: Sequence[float] | FloatArray | None = None,
    ) -> Resolution:
        """Return what `logged_name` means; never raises.

        `values` (any shape, the finite ones count), `method` and `logger` decide between the
        meanings of an ambiguous name where they can; rules that disagree decide nothing.
        """
        if len(logged_name) > _LONGEST_NAME:
            return Resolution(None, (), None, "too long for a metric name")
        split, spellings = _strip(normalise(logged_name))
        context = Context(_letters(method), _letters(logger), split, _finite(values))
        if OWN_LOGGER in context.logger and logged_name in self._metrics:
            return Resolution(logged_name, (), split, "canonical name")
        # A family comes last: `lr_step` is the rate itself, not that of a group called step.
        for look_up in (self._by_name, self._by_pattern):
            for spelling in spellings:
                found = look_up(spelling, context)
                if found is not None:
                    return _of_split(found)
        return Resolution(None, (), split, "not in the vocabulary")

    def _by_name(self, spelling: str, context: Context) -> Resolution | None:
        if spelling in self._spellings:
            name, scale = self._spellings[spelling]
            return Resolution(name, (), context.split, f"alias {spelling}", scale)
        if spelling in self._ambiguous:
            return self._ambiguous[spelling].resolve(context)
        return None

    def _by_pattern(self, spelling: str, context: Context) -> Resolution | None:
        for pattern in self._patterns:
            if pattern.expression.search(spelling) is None:
                continue
            if pattern.ambiguity is not None:
                return pattern.ambiguity.resolve(context)
            return Resolution(pattern.metric, (), context.split, f"pattern of {pattern.metric}")
        return None


@cache
def vocabulary() -> Vocabulary:
    """Return the bundled vocabulary, read once."""
    path = Path(__file__).with_suffix(".yaml")
    return _build(yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER), path.name)


def normalise(name: str) -> str:
    """Return the name in lower case with one underscore for each run of other characters."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _letters(name: str | None) -> str:
    return re.sub(r"[^a-z0-9]", "", (name or "").lower())


def _strip(plain: str) -> tuple[Split | None, list[str]]:
    """Return the split that the name carries, and the spellings to try, fullest first."""
    split: Split | None = None
    spellings: list[str] = []
    head, _, last = plain.rpartition("_")
    if head and last in _SPLITS:
        spellings.append(plain)
        split, plain = _SPLITS[last], head
    while True:
        spellings.append(plain)
        short = plain
        while (cut := _SUFFIX.sub("", short)) != short:
            short = cut
            spellings.append(short)
        prefix, _, rest = plain.partition("_")
        if prefix not in _PREFIXES or not rest:
            return split, spellings
        split = split or _SPLITS.get(prefix)
        plain = rest


def _of_split(found: Resolution) -> Resolution:
    """Return the finding with a held-out training loss called `val/loss`."""
    split = found.split
    if found.metric == "val/loss" and split is None:
        split = "val"
    held_out = split in ("val", "test")
    rename = {"loss": "val/loss"} if held_out else {}
    return Resolution(
        rename.get(found.metric or "", found.metric),
        tuple(rename.get(one, one) for one in found.candidates),
        split,
        found.reason,
        found.scale,
    )


def _finite(values: Sequence[float] | FloatArray | None) -> FloatArray:
    try:
        flat = np.asarray([] if values is None else values, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        return np.empty(0)
    return flat[np.isfinite(flat)]


def _build(raw: Mapping[str, Any], where: str) -> Vocabulary:
    metrics = {one["name"]: _metric(one) for one in raw["metrics"]}
    ambiguous = {
        normalise(alias): ambiguity_from(one)
        for one in raw["ambiguous"]
        for alias in one["aliases"]
    }
    spellings: dict[str, tuple[str, float]] = {}
    for metric in metrics.values():
        for alias, scale in ({metric.name: 1.0} | dict(metric.aliases)).items():
            plain = normalise(alias)
            if plain in ambiguous and alias == metric.name:
                continue
            held = spellings.setdefault(plain, (metric.name, scale))
            if held != (metric.name, scale) or plain in ambiguous:
                raise InputUnreadable(f'alias "{alias}" has two meanings', where=where)
    return Vocabulary(
        metrics,
        spellings,
        ambiguous,
        tuple(pattern_from(one) for one in raw["patterns"]),
        {name.replace("/", "__"): name for name in metrics},
    )


def _metric(raw: Mapping[str, Any]) -> Metric:
    aliases = dict.fromkeys(raw["aliases"], 1.0) | raw.get("scaled", {})
    return Metric(
        raw["name"], raw["meaning"], raw["unit"], raw.get("direction"), raw["healthy"], aliases
    )
