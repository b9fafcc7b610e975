"""What to measure next: the number that would separate the leading candidates, and how."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from assistant.answer import Diagnosis, Measurement
from kb.closed_forms import form
from kb.run import CONFIG_NAMES, Run
from kb.signature import parse
from kb.vocabulary import vocabulary

LEADING = 3
_SETTINGS = frozenset({"loss", "epoch", "step", "wd", "ema_m", "teacher_temp", *CONFIG_NAMES})
"""What a person set rather than measured, and the loss, which they have."""


def next_measurement(diagnoses: Sequence[Diagnosis], run: Run | None) -> Measurement | None:
    """Return the metric, not measured yet, that tells the first candidate from the others.

    The reason says what each outcome means: as the entries tell each other apart, else from
    their signatures. None when no metric decides.
    """
    leading = list(diagnoses[:LEADING])
    if not leading:
        return None
    measured = frozenset(run.series) if run else frozenset[str]()
    return _told_apart(leading, measured) or _shown_by(leading, measured)


def _told_apart(leading: Sequence[Diagnosis], measured: frozenset[str]) -> Measurement | None:
    first = leading[0].entry
    for other in (one.entry for one in leading[1:]):
        for here, there in ((first, other), (other, first)):
            for neighbour in here.tell_apart:
                if neighbour.entry_id != there.id:
                    continue
                named = [name for name in _named(neighbour.decided_by) if _wanted(name)]
                if named and not measured & set(named):
                    return Measurement(named[0], _telling(here.id, there.id, neighbour.decided_by))
    return None


def _telling(here: str, there: str, decided_by: str) -> str:
    if re.search(r"\b(?:here|there)\b", decided_by, re.IGNORECASE):
        here, there = f'{here} ("here")', f'{there} ("there")'
    return f"tells {here} from {there}: {decided_by.rstrip('.')}."


def _shown_by(leading: Sequence[Diagnosis], measured: frozenset[str]) -> Measurement | None:
    """Weigh metrics of signatures by confidence; an entry lists its telling metrics first."""
    weights: dict[str, float] = {}
    for diagnosis in leading:
        comparisons = _comparisons(diagnosis)
        for place, metric in enumerate(diagnosis.entry.metrics):
            if metric in comparisons and _wanted(metric) and metric not in measured:
                weights[metric] = weights.get(metric, 0) + diagnosis.confidence / (1 + place)
    if not weights:
        return None
    metric = max(weights, key=lambda name: (weights[name], name))
    shown = [
        f"{diagnosis.entry.id} goes with {compared}"
        for diagnosis in leading
        if (compared := _comparisons(diagnosis).get(metric))
    ]
    return Measurement(
        metric, f"healthy is {vocabulary().metric(metric).healthy}. {'; '.join(shown)}."
    )


def _named(decided_by: str) -> list[str]:
    """Return the metrics that the measurement, the first sentence of `decided_by`, is about."""
    measurement = re.split(r"\.\s", decided_by, maxsplit=1)[0]
    known = vocabulary()
    found = [
        name
        for word in re.findall(r"[a-z]\w*_\w+", measurement)
        if (name := known.resolve(word).metric)
    ]
    return found + [metric for metric, words in _SAID.items() if words.search(measurement)]


_SAID: dict[str, re.Pattern[str]] = {
    metric: re.compile(rf"\b(?:{words})", re.IGNORECASE)
    for metric, words in {
        "z_std": r"spread(?! of the loss)",
        "raw_std": r"raw (?:standard )?deviation",
        "sim_gap": r"similarity gap|positive minus negative similarity",
        "contrast_acc": r"contrastive accuracy",
        "neg_sim": r"cosine of different images",
        "offdiag_corr": r"(?:mean )?absolute correlation",
        "erank_z": r"(?:effective|covariance) rank",
        "grad_norm": r"gradient norm",
        "teacher_entropy": r"teacher(?:'s)? entropy",
        "dead_dims": r"dead (?:dimensions|axes)",
        "knn_acc": r"kNN",
    }.items()
}
"""How the entries name metrics in prose, the more telling first."""


def _wanted(metric: str) -> bool:
    return metric not in _SETTINGS


def _comparisons(diagnosis: Diagnosis) -> dict[str, str]:
    """Return, for each metric, the first comparison about it alone: `z_std * sqrt(dim) < 0.5`."""
    if not diagnosis.entry.signature:
        return {}
    found: dict[str, str] = {}
    for compare in _compared(parse(diagnosis.entry.signature).tree):
        sides = [_metrics_of(side) for side in (compare.left, *compare.comparators)]
        metrics = set[str]().union(*sides)
        if len(metrics) == 1 and not set.intersection(*sides):
            text = _plain(ast.unparse(compare))
            if len(re.findall(r"[a-z]\w*", text)) == len(set(re.findall(r"[a-z]\w*", text))):
                found.setdefault(metrics.pop(), text)
    return found


def _plain(comparison: str) -> str:
    """Return a comparison without reducers, closed forms as their formulas."""
    text = _SAME.sub(r"\1", _REDUCER.sub("", comparison))
    text = _FORM.sub(lambda match: form(match["name"], match["quantity"]).formula, text)
    return text.replace("__", "/")


def _metrics_of(node: ast.expr) -> set[str]:
    return {
        vocabulary().from_identifier(part.value.id) or part.value.id
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)
    }


def _compared(node: ast.expr) -> Iterator[ast.Compare]:
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            yield from _compared(part)
    elif (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and not _TREND.search(ast.unparse(node))
    ):
        yield node


_REDUCER = re.compile(r"(?<=\w)\.(?:first|last|min|max|mean|level|start)\b")
_FORM = re.compile(r"(?P<quantity>chance|collapse|floor|start)\((?P<name>[\w.]+)\)")
_SAME = re.compile(r"(?:min|max)\(([\w/]+), \1\)")
_TREND = re.compile(r"\.(?:slope|drift|noise|nonfinite|n)\b")
"""Reducers that a person cannot read off a plot at a glance."""
