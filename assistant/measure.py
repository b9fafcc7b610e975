"""What to measure next: the missing metric that the leading candidates disagree about."""

from __future__ import annotations

from collections.abc import Sequence

from assistant.answer import Diagnosis, Measurement
from kb.run import Run
from kb.signature import parse


def next_measurement(diagnoses: Sequence[Diagnosis], run: Run | None) -> Measurement | None:
    """Return the metric, not measured yet, that most of the leading candidates' confidence
    hangs on, and what it would tell; None when there is none."""
    leading = [one for one in diagnoses[:3] if one.entry.signature]
    weights: dict[str, float] = {}
    for diagnosis in leading:
        needed = parse(diagnosis.entry.signature or "").metrics
        for place, metric in enumerate(diagnosis.entry.metrics):
            if metric in needed and metric != "loss" and (run is None or metric not in run.series):
                # An entry lists its telling metrics first.
                weights[metric] = weights.get(metric, 0) + diagnosis.confidence / (1 + place)
    if not weights:
        return None
    metric = max(weights, key=lambda name: (weights[name], name))
    return Measurement(metric, _reason(metric, leading))


def _reason(metric: str, leading: Sequence[Diagnosis]) -> str:
    asking = [one.entry.id for one in leading if metric in one.entry.metrics]
    names = {one.entry.id for one in leading}
    for diagnosis in leading:
        for neighbour in diagnosis.entry.tell_apart:
            if neighbour.entry_id in names:
                return f"tells {diagnosis.entry.id} from {neighbour.entry_id}: {neighbour.decided_by}"
    return f"decides {' and '.join(asking)}"
