"""Which metrics are drawn, and in which order: those that the leading diagnosis rests on first."""

from __future__ import annotations

from assistant.answer import Answer
from kb.errors import SslDoctorError
from kb.run import Run
from kb.signature import parse
from kb.types import Entry
from kb.vocabulary import vocabulary

MOST = 24
"""Charts of one run; what is drawn costs nothing until it is scrolled into view."""

_NO_CURVES = frozenset({"step", "epoch"})
_USUAL = (
    "loss",
    "z_std",
    "raw_std",
    "knn_acc",
    "online_acc",
    "lin_acc",
    "grad_norm",
    "teacher_entropy",
    "pos_sim",
    "val/loss",
    "rankme_z",
    "rankme_h",
    "lr",
)
"""What people look at first, where no diagnosis says otherwise."""


def charted(run: Run, answer: Answer | None) -> list[str]:
    """Return the names of the series to draw: metrics by what they say, then names that were
    not understood."""
    wanted = dict.fromkeys((*telling_metrics(answer), *_USUAL))
    order = {name: place for place, name in enumerate(wanted)}
    held = [name for name, one in run.series.items() if len(one) and name not in _NO_CURVES]
    place = {name: place for place, name in enumerate(vocabulary().names())}
    held.sort(key=lambda name: (order.get(name, len(order)), place.get(name, len(place)), name))
    others = [name for name, one in run.unknown.items() if len(one)]
    return [*held, *others][:MOST]


def telling_metrics(answer: Answer | None) -> tuple[str, ...]:
    """Return the metrics that the leading diagnosis rests on: its own first, then those of its
    signature, then the one to tell it from its rivals."""
    if answer is None or not answer.diagnoses:
        return ()
    entry = answer.diagnoses[0].entry
    wanted = answer.next_measurement.metric if answer.next_measurement else ""
    return tuple(dict.fromkeys((*_in_evidence(answer), *entry.metrics, *_signed(entry), wanted)))


def _in_evidence(answer: Answer) -> list[str]:
    """Return the metrics whose numbers stand in the evidence of the first diagnosis."""
    found: list[str] = []
    for one in answer.diagnoses[0].evidence:
        if one.kind == "number":
            found.append("loss")
        for name in one.values:
            metric = vocabulary().from_identifier(name.partition(".")[0])
            if metric is not None and "." in name:
                found.append(metric)
    return found


def _signed(entry: Entry) -> list[str]:
    if not entry.signature:
        return []
    try:
        return sorted(parse(entry.signature).metrics)
    except SslDoctorError:  # a user's own entry
        return []
