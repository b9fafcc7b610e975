"""The claims of a method, put to the test by short trainings."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kb.evidence import ClaimEvidence, Stamp
from reference_impl import registry
from reference_impl.method import Arm, Claim
from reference_impl.verify.arms import ArmRun, Notify, cache_folder, finals
from reference_impl.verify.code_files import files_of_claims
from reference_impl.verify.protocol import judge, measured, settings, untrained
from reference_impl.verify.stamp import stamp


@dataclass(frozen=True)
class ClaimPlan:
    """How claims are run: with so many seeds, from 0 on (None: as many as the claim names), on a
    device, so many trainings at once."""

    seeds: int | None = None
    device: str = "cpu"
    jobs: int = 1
    folder: Path = field(default_factory=cache_folder)


def claims_of(
    methods: Sequence[str], plan: ClaimPlan, notify: Notify
) -> dict[str, tuple[ClaimEvidence, ...]]:
    """Return the evidence on every claim of `methods`, by method; arms that several claims
    share are trained once."""
    claims = [(name, claim) for name in methods for claim in registry.get(name).claims]
    runs = [
        run for name, claim in claims for arm in claim.arms for run in _runs(name, claim, arm, plan)
    ]
    # Before the trainings: files may change while they run.
    stamps = {name: stamp(plan.device, files_of_claims(name)) for name in methods}
    final = finals(runs, jobs=plan.jobs, notify=notify, folder=plan.folder)
    found: dict[str, list[ClaimEvidence]] = {name: [] for name in methods}
    for name, claim in claims:
        found[name].append(_evidence(name, claim, plan, final, stamps[name]))
    return {name: tuple(results) for name, results in found.items()}


def method_of_the_day(day: str) -> str:
    """Return the method whose turn it is, for `today`, a date such as 2026-11-28, or a number.

    Raises ValueError for anything else.
    """
    names = sorted(registry.METHODS)
    if day == "today":
        number = datetime.datetime.now(datetime.UTC).date().toordinal()
    elif day.isdecimal():
        number = int(day)
    else:
        number = datetime.date.fromisoformat(day).toordinal()
    return names[number % len(names)]


def _runs(method: str, claim: Claim, arm: Arm, plan: ClaimPlan) -> list[ArmRun]:
    chosen = settings(claim, arm)
    seeds = range(plan.seeds or claim.seeds)
    return [ArmRun(method, arm.name, chosen, seed, plan.device) for seed in seeds]


def _evidence(
    method: str,
    claim: Claim,
    plan: ClaimPlan,
    final: Mapping[str, Mapping[str, float]],
    made: Stamp,
) -> ClaimEvidence:
    ended = [[final[run.key] for run in _runs(method, claim, arm, plan)] for arm in claim.arms]
    first, second = (tuple(measured(one, claim.measure) for one in arm) for arm in ended)
    verdict = judge(first, second, claim)
    return ClaimEvidence(
        id=claim.id,
        text=claim.text,
        source=claim.source,
        measure=claim.measure,
        expect=claim.expect,
        margin=claim.margin,
        arms=(claim.arms[0].name, claim.arms[1].name),
        settings={arm.name: settings(claim, arm) for arm in claim.arms},
        seeds=tuple(range(len(first))),
        first=first,
        second=second,
        untrained=untrained(ended[0], claim.measure),
        ratio=verdict.ratio,
        low=verdict.low,
        high=verdict.high,
        outcome=verdict.outcome,
        entries=claim.entries,
        stamp=made,
        note=verdict.note,
    )
