"""How a logged name with several meanings is decided by method, logger, split or values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kb.run import FloatArray

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a logged name means.

    `metric` is None when the name is unknown or has several meanings; these are then in
    `candidates`. Logged values times `scale` are in the metric's unit. `reason` says how it
    was decided, or what it could mean.
    """

    metric: str | None
    candidates: tuple[str, ...]
    split: Split | None
    reason: str
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the name: method and logger in plain letters, finite values."""

    method: str
    logger: str
    split: Split | None
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to decide; every condition that is set must hold."""

    metric: str
    because: str
    methods: tuple[str, ...] = ()
    unless_methods: tuple[str, ...] = ()
    loggers: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    scale: float = 1.0

    def holds(self, context: Context) -> bool:
        """Tell whether the rule applies; a bound on values never holds without values."""
        return (
            (not self.methods or context.method in self.methods)
            and context.method not in self.unless_methods
            and (not self.loggers or any(name in context.logger for name in self.loggers))
            and (not self.splits or (context.split or "none") in self.splits)
            and self._fits(context.values)
        )

    def _fits(self, values: FloatArray) -> bool:
        bounds = (self.above, self.below, self.at_least, self.at_most)
        if all(bound is None for bound in bounds):
            return True
        if not values.size:
            return False
        low, high = float(values.min()), float(values.max())
        return (
            (self.above is None or high > self.above)
            and (self.below is None or low < self.below)
            and (self.at_least is None or low >= self.at_least)
            and (self.at_most is None or high <= self.at_most)
        )


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """The meanings of one logged name, and the rules that choose between them."""

    candidates: tuple[str, ...]
    why: str
    rules: tuple[Rule, ...] = ()

    def resolve(self, context: Context) -> Resolution:
        """Return the one metric that all applicable rules agree on, or all candidates."""
        held = [rule for rule in self.rules if rule.holds(context)]
        if len({rule.metric for rule in held}) == 1:
            rule = held[0]
            return Resolution(rule.metric, (), context.split, rule.because, rule.scale)
        names = ", ".join(self.candidates)
        return Resolution(None, self.candidates, context.split, f"could be {names}: {self.why}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A family of logged names: a metric, or an ambiguity where one name is not enough."""

    expression: re.Pattern[str]
    metric: str | None
    ambiguity: Ambiguity | None


def ambiguity_from(raw: Mapping[str, Any]) -> Ambiguity:
    """Read `candidates`, `why` and `rules` of an entry of vocabulary.yaml."""
    rules = tuple(_rule(one) for one in raw.get("rules", ()))
    return Ambiguity(tuple(raw["candidates"]), raw["why"], rules)


def _rule(raw: Mapping[str, Any]) -> Rule:
    return Rule(**{key: _frozen(value) for key, value in raw.items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def pattern_from(raw: Mapping[str, Any]) -> Pattern:
    """Read `match` with `metric`, or with `candidates` and `why`."""
    metric = raw.get("metric")
    return Pattern(re.compile(raw["match"]), metric, None if metric else ambiguity_from(raw))
