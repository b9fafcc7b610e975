"""Sick, healthy or undecided, and the sentences that say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assistant.answer import Answer, RunVerdict
from assistant.health import health_of
from assistant.judge import Judged, fired_of
from assistant.posterior import Weighed
from kb.run import Run

MAX_FINDINGS = 3


def verdict_of(
    run: Run | None, judged: Mapping[str, Judged], weighed: Sequence[Weighed]
) -> tuple[RunVerdict | None, tuple[str, ...]]:
    """Return the verdict on a run and its reasons; None for settings without a measurement."""
    if run is None or not run.series:
        return None, ()
    if fired := fired_of(judged):
        return "sick", _shown(fired, weighed)
    health = health_of(run)
    silent = sum(one.verdict.state == "silent" for one in judged.values())
    checks = f"{silent} checks found nothing" if silent != 1 else "1 check found nothing"
    if health.healthy:
        return "healthy", (f"{checks}; {_listed(health.signs[:MAX_FINDINGS])}",)
    signs = (f"for health: {_listed(health.signs[:MAX_FINDINGS])}",) if health.signs else ()
    return "undecided", (
        checks if silent else "too few numbers for any check",
        *health.missing,
        *signs,
    )


def headline(answer: Answer) -> str:
    """Return the reason to show where there is room for one: what an undecided run lacks."""
    place = 1 if answer.verdict == "undecided" else 0
    return "".join(answer.reasons[place : place + 1])


def overturned(worded: str | None, first: str | None, fired: Sequence[str]) -> tuple[str, ...]:
    """Return the sentence that the run contradicts the words, where it does.

    `worded` is what the words alone point to, `first` what came first with the run.
    """
    if worded is None or first is None or worded in fired or first not in fired:
        return ()
    return (f"the words alone point to {worded}; the run's numbers show {first} instead",)


def _shown(fired: Sequence[str], weighed: Sequence[Weighed]) -> tuple[str, ...]:
    roots = [one for one in weighed if one.entry_id in fired and one.cause is None]
    reasons = [f"its numbers show {_listed([one.entry_id for one in roots[:MAX_FINDINGS]])}"]
    reasons += [
        f"from {one.entry_id} follow{'s' * (len(one.consequences) == 1)} "
        f"{_listed(one.consequences)}"
        for one in roots
        if one.consequences
    ]
    return tuple(reasons)


def _listed(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
