"""What a run's signatures say together: how likely each fault is, and which explains which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from assistant.judge import Judged, states_of
from assistant.likelihoods import Float64s, Likelihoods, likelihoods
from kb.method_names import kinds_of
from kb.types import Entry

EXPLAINS = 0.25
"""Least rate at which a signature fires under a fault for that fault to explain its firing."""

SECOND_FAULT = 0.1
"""Probability that a run with one fault has another one of a given kind. A choice."""

ALLOWED = 0.8
"""Largest weight of a rival that could not be checked, beside the best one that was and fired."""

_CAP = 7.0
"""Largest weight of one signature, in nats: beyond a thousand to one, counts say nothing."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A fault weighed by a run. `score` is the log likelihood ratio against a healthy run.

    `share` is its probability among the faults that explain the same signatures; `cause` names
    the fault that is more likely and leads to this one, `consequences` what it explains.
    """

    entry_id: str
    score: float
    share: float
    cause: str | None = None
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Model:
    """The rates for one set of signed entries; `leads_to` holds indirect consequences too."""

    signed: tuple[str, ...]
    leads_to: Mapping[str, tuple[str, ...]]
    methods: Mapping[str, tuple[str, ...]]
    counts: Likelihoods

    @cached_property
    def _rates(self) -> tuple[Float64s, Float64s]:
        rates, quiet = self.counts.rates(self.signed, self.signed, self.leads_to)
        return np.clip(rates, 1e-4, 1 - 1e-4), np.clip(quiet, 1e-4, 1 - 1e-4)

    def concerns(self, fault: str, method: str | None) -> bool:
        """Return whether `fault` can befall this method; True when the method is not known."""
        held = self.methods[fault]
        if not method or not held or "any" in held or method in held:
            return True
        kinds = frozenset[str]().union(*(kinds_of(name) for name in held))
        return bool(kinds & kinds_of(method))

    def rate(self, fault: str, name: str) -> float:
        """Return how often the signature of `name` fires under `fault`."""
        rates, _ = self._rates
        return float(rates[self.signed.index(fault), self.signed.index(name)])

    def scores(self, states: Mapping[str, str], among: Sequence[str] | None = None) -> Float64s:
        """Return each fault's log likelihood ratio against healthy, shape (signed,).

        `states` are "fired", "silent" or "unknown" by entry; what is unknown weighs nothing.
        With `among`, only these signatures count.
        """
        rates, quiet = self._rates
        counted = frozenset(self.signed if among is None else among)
        total = np.zeros(len(self.signed))
        for column, name in enumerate(self.signed):
            state = states.get(name, "unknown")
            if state == "unknown" or name not in counted:
                continue
            if state == "fired":
                ratio = np.log(rates[:, column] / quiet[column])
            else:
                ratio = np.log((1 - rates[:, column]) / (1 - quiet[column]))
            total += np.clip(ratio, -_CAP, _CAP)
        return total

    def separate(self, fault: str, leaders: Sequence[str]) -> float:
        """Return the probability that `fault` is there beside `leaders`, its signature fired.

        Else the likeliest of them made the signature fire as well.
        """
        second = SECOND_FAULT * self.rate(fault, fault)
        by_product = max((self.rate(leader, fault) for leader in leaders), default=0.0)
        return second / (second + by_product)

    def explained(self, fault: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of `names` whose signatures `fault` makes fire."""
        return tuple(
            name
            for name in names
            if name == fault
            or name in self.leads_to.get(fault, ())
            or self.rate(fault, name) >= EXPLAINS
        )


def model_of(entries: Sequence[Entry]) -> Model:
    """Return the model over the signed ones of `entries`."""
    links = {one.id: one.leads_to for one in entries}
    held = tuple(
        (one.id, _consequences(one.id, links), one.methods) for one in entries if one.signature
    )
    return _model(held)


def _consequences(name: str, links: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return what `name` leads to, and what that leads to in turn."""
    found: dict[str, None] = {}
    waiting = list(links.get(name, ()))
    while waiting:
        following = waiting.pop(0)
        if following not in found and following != name:
            found[following] = None
            waiting += links.get(following, ())
    return tuple(found)


@lru_cache(maxsize=4)
def _model(held: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]) -> Model:
    return Model(
        tuple(name for name, _, _ in held),
        {name: following for name, following, _ in held},
        {name: methods for name, _, methods in held},
        likelihoods(),
    )


def weigh(model: Model, judged: Mapping[str, Judged], method: str | None = None) -> list[Weighed]:
    """Return the faults that a run shows, the likeliest first; empty when no signature fired.

    A fault that cannot befall `method` is no rival of one whose signature fired.

    Several faults at once: the likeliest explains some of the signatures that fired, and what
    is left is explained by another. Within one explanation rivals share the probability.
    """
    states = states_of(judged)
    left = [name for name in model.signed if states.get(name) == "fired"]
    found: dict[str, Weighed] = {}
    leader: dict[str, str] = {}
    leaders: list[str] = []
    while left:
        scores = model.scores(states, [name for name in model.signed if name not in leader])
        chances = _chances(model, states, scores, left, method)
        first = max(chances, key=lambda name: chances[name])
        separate = model.separate(first, leaders)
        leaders.append(first)
        explained = model.explained(first, left)
        # What `first` explains may be there all the same, beside it.
        for name in explained:
            chances.setdefault(name, chances[first] * model.separate(name, [first]))
            leader.setdefault(name, first)
        for name, chance in chances.items():
            share = chance * separate
            if name not in found or found[name].share < share:
                found[name] = Weighed(name, float(scores[model.signed.index(name)]), share)
        left = [name for name in left if name not in (*explained, first)]
    ordered = sorted(found.values(), key=lambda one: (-one.share, -one.score, one.entry_id))
    return [_linked(model, one, leader) for one in ordered]


def _chances(
    model: Model,
    states: Mapping[str, str],
    scores: Float64s,
    left: Sequence[str],
    method: str | None,
) -> dict[str, float]:
    """Return the faults that explain the strongest of the signatures `left`, likeliest first.

    Their probabilities sum to 1.
    """
    by_name = dict(zip(model.signed, scores.tolist(), strict=True))
    strongest = max(left, key=lambda name: (by_name[name], name))
    rivals = [
        name
        for name in model.signed
        if strongest in model.explained(name, left)
        and (
            states.get(name) == "fired"
            or (states.get(name) == "unknown" and model.concerns(name, method))
        )
    ]
    weights = np.array([by_name[name] for name in rivals])
    raised = np.exp(weights - weights.max())
    # What the numbers show comes before what they merely allow.
    shown = np.array([states.get(name) == "fired" for name in rivals])
    raised = np.where(shown, raised, np.minimum(raised, ALLOWED * raised[shown].max()))
    shares = raised / raised.sum()
    return {rivals[place]: float(shares[place]) for place in np.argsort(-shares, kind="stable")}


def _linked(model: Model, one: Weighed, leader: Mapping[str, str]) -> Weighed:
    cause = leader.get(one.entry_id)
    if cause == one.entry_id or (
        cause is not None and one.entry_id not in model.leads_to.get(cause, ())
    ):
        cause = None
    consequences = tuple(
        name
        for name, first in leader.items()
        if first == one.entry_id and name != first and name in model.leads_to.get(first, ())
    )
    return Weighed(one.entry_id, one.score, one.share, cause, consequences)
