"""How a claim is put to the test, and when it counts as confirmed or refuted.

Both arms of a claim are trained from the same seeds: same weights, same batches. The ratio of the
measure, second arm over first, is taken seed by seed; its geometric mean gets a Student interval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.evidence import Outcome
from reference_impl.method import Arm, Claim

PRESET = "small"
"""The preset of every trial: digits on two CPU cores."""

BATCH = 128
"""Images a step, where an arm's recipe says nothing else."""

NO_EFFECT = 1.0
"""The ratio of arms that do not differ."""

FLOOR = 1e-9
"""Measures below this count as this: the ratio of a collapsed arm is then tiny, not 0."""

WEAKER = "an effect, smaller than the claim's margin at this length of training"
ABSENT = "nothing of it shows at this length of training"
NOISY = "the seeds lie too far apart to tell"

_T95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Two-sided 95% points of Student's t for 1 to 30 degrees of freedom; 1.96 is used beyond."""


@dataclass(frozen=True)
class Verdict:
    """The ratio second/first with its interval at 95%, and what follows for the claim."""

    outcome: Outcome
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def settings(claim: Claim, arm: Arm) -> dict[str, Any]:
    """Return what one arm trains with, seed and device aside, in plain JSON types."""
    return {
        "preset": PRESET,
        "config": dict(sorted(arm.config.items())),
        "recipe": {"batch_size": BATCH, **dict(sorted(arm.recipe.items()))},
        "steps": claim.steps,
    }


def judge(first: Sequence[float | None], second: Sequence[float | None], claim: Claim) -> Verdict:
    """Return the verdict on paired measures of both arms, one per seed.

    `lower` is confirmed when the whole interval lies at or below the margin, and refuted when it
    lies at 1 or above: the measure did not fall at all. A fall by less than
    the margin is undecided, since a longer training may complete it. `higher` is the other way
    round. `same` is confirmed within 1 +- margin and refuted outside. A missing or negative
    measure is undecided.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if _usable(a) and _usable(b)]
    if len(pairs) < len(first):
        return Verdict("undecided", note="an arm gave no finite, non-negative measure")
    if len(pairs) < 2:
        return Verdict("undecided", note="an interval needs two seeds")
    logs = [math.log(max(b or 0.0, FLOOR) / max(a or 0.0, FLOOR)) for a, b in pairs]
    mean = math.fsum(logs) / len(logs)
    variance = math.fsum((one - mean) ** 2 for one in logs) / (len(logs) - 1)
    half = student(len(logs) - 1) * math.sqrt(variance / len(logs))
    ratio, low, high = (_exp(one) for one in (mean, mean - half, mean + half))
    outcome = _outcome(low, high, claim)
    return Verdict(
        outcome, ratio, low, high, _why(low, high, claim) if outcome == "undecided" else ""
    )


def student(freedom: int) -> float:
    """Return the two-sided 95% point of Student's t."""
    return _T95[freedom - 1] if freedom <= len(_T95) else 1.96


def _outcome(low: float, high: float, claim: Claim) -> Outcome:
    if claim.expect == "same":
        bottom, top = 1 - claim.margin, 1 + claim.margin
        if bottom <= low and high <= top:
            return "confirmed"
        return "refuted" if high < bottom or low > top else "undecided"
    if claim.expect == "higher":
        reached, absent = low >= claim.margin, high <= NO_EFFECT
    else:
        reached, absent = high <= claim.margin, low >= NO_EFFECT
    return "confirmed" if reached else "refuted" if absent else "undecided"


def _why(low: float, high: float, claim: Claim) -> str:
    """Return what keeps an interval from deciding the claim."""
    if claim.expect != "same" and not low <= NO_EFFECT <= high:
        return WEAKER
    reaches_margin = low <= claim.margin <= high
    return NOISY if claim.expect == "same" or reaches_margin else ABSENT


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value >= 0


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def measured(final: Mapping[str, float], name: str) -> float | None:
    """Return a final metric, None when the run does not have it or it is not finite."""
    value = final.get(name)
    return None if value is None or not math.isfinite(value) else float(value)


def untrained(finals: Sequence[Mapping[str, float]], name: str) -> tuple[float, ...]:
    """Return what the encoders measured before training, seed by seed; nothing for a measure
    that probes do not take."""
    before = [measured(final, f"{name}_random") for final in finals]
    return tuple(value for value in before if value is not None)
