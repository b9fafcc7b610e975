"""What to measure next: the number that would separate the leading candidates, and how."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from assistant.answer import Diagnosis, Measurement
from assistant.judge import Judged
from assistant.posterior import Model
from kb.closed_forms import form
from kb.run import CONFIG_NAMES, FloatArray, Run
from kb.signature import parse
from kb.signature.reducers import ON_PLOT, REDUCERS
from kb.types import Entry
from kb.vocabulary import vocabulary

LEADING = 3
LEAST_BITS = 0.05
"""Expected information below which a metric is not worth asking for."""

_SPREAD = frozenset({"z_std", "raw_std", "collapse_level"})
_SETTINGS = frozenset({"loss", "epoch", "step", "wd", "ema_m", "teacher_temp", *CONFIG_NAMES})
"""What a person set rather than measured, and the loss, which they have."""


def next_measurement(
    diagnoses: Sequence[Diagnosis],
    run: Run | None,
    judged: Mapping[str, Judged] | None = None,
    model: Model | None = None,
) -> Measurement | None:
    """Return the metric, not measured yet, that tells the first candidate from the others.

    With a run it is the one of largest expected information about which candidate it is, from
    how often each signature fires under each. The reason says what each outcome means: as the
    entries tell each other apart, else from their signatures. None when no metric decides.
    """
    leading = list(diagnoses[:LEADING])
    measured = frozenset(run.series) if run else frozenset[str]()
    if judged and model:
        found = _informative(leading, judged, model) if leading else _widest(judged, measured)
        if found is not None:
            return found
    if not leading:
        return None
    return _told_apart(leading, measured) or _shown_by(leading, measured)


def _informative(
    leading: Sequence[Diagnosis], judged: Mapping[str, Judged], model: Model
) -> Measurement | None:
    held = [one for one in leading if one.entry.id in model.signed]
    weights = np.array([one.confidence for one in held])
    if len(held) < 2 or weights.sum() <= 0:
        return None
    shares = weights / weights.sum()
    best: dict[str, tuple[float, str]] = {}
    for name, one in judged.items():
        metric = _only_missing(one)
        if metric is None or name not in model.signed:
            continue
        rates = np.array([model.rate(other.entry.id, name) for other in held])
        information = _entropy(shares @ rates) - float(shares @ _entropies(rates))
        if information > best.get(metric, (LEAST_BITS, ""))[0]:
            best[metric] = (information, name)
    if not best:
        return None
    metric = max(best, key=lambda name: best[name])
    bits, name = best[metric]
    compared = _comparisons(judged[name].entry).get(metric)
    likely = max(held, key=lambda one: model.rate(one.entry.id, name)).entry.id
    goes = f"; {compared} speaks for {likely}" if compared else f"; it decides {name}"
    return Measurement(
        metric,
        f"it separates the leading candidates best, {bits:.2f} bits expected. Healthy is "
        f"{vocabulary().metric(metric).healthy}{goes}.",
    )


def _widest(judged: Mapping[str, Judged], measured: frozenset[str]) -> Measurement | None:
    """Return what would help most where nothing was diagnosed: the spread of the embeddings when
    nothing tells it, else the metric whose absence leaves most checks open."""
    if not measured & _SPREAD:
        healthy = vocabulary().metric("z_std").healthy
        return Measurement(
            "z_std", f"it tells a collapse from progress in every method. Healthy is {healthy}."
        )
    counts = Counter(metric for one in judged.values() if (metric := _only_missing(one)))
    if not counts:
        return None
    metric, count = counts.most_common(1)[0]
    healthy = vocabulary().metric(metric).healthy
    checks = "1 more check needs" if count == 1 else f"{count} more checks need"
    return Measurement(metric, f"{checks} only it. Healthy is {healthy}.")


def _only_missing(judged: Judged) -> str | None:
    """Return the one metric whose absence leaves this check open, if a person can log it."""
    missing = judged.verdict.missing
    if judged.verdict.state != "unknown" or len(missing) != 1:
        return None
    return missing[0] if missing[0] in vocabulary() and _wanted(missing[0]) else None


def _entropies(rates: FloatArray) -> FloatArray:
    inside = np.clip(rates, 1e-9, 1 - 1e-9)
    return np.asarray(-(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside)))


def _entropy(rate: float) -> float:
    return float(_entropies(np.array([rate]))[0])


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
        comparisons = _comparisons(diagnosis.entry)
        for place, metric in enumerate(diagnosis.entry.metrics):
            if metric in comparisons and _wanted(metric) and metric not in measured:
                weights[metric] = weights.get(metric, 0) + diagnosis.confidence / (1 + place)
    if not weights:
        return None
    metric = max(weights, key=lambda name: (weights[name], name))
    shown = [
        f"{diagnosis.entry.id} goes with {compared}"
        for diagnosis in leading
        if (compared := _comparisons(diagnosis.entry).get(metric))
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


def _comparisons(entry: Entry) -> dict[str, str]:
    """Return, for each metric, the first comparison about it alone: `z_std * sqrt(dim) < 0.5`."""
    if not entry.signature:
        return {}
    found: dict[str, str] = {}
    for compare in _compared(parse(entry.signature).tree):
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


_REDUCER = re.compile(rf"(?<=\w)\.(?:{'|'.join(ON_PLOT)})\b")
_FORM = re.compile(r"(?P<quantity>chance|collapse|floor|start)\((?P<name>[\w.]+)\)")
_SAME = re.compile(r"(?:min|max)\(([\w/]+), \1\)")
_TREND = re.compile(rf"\.(?:{'|'.join(name for name in REDUCERS if name not in ON_PLOT)})\b")
"""Reducers that a person cannot read off a plot at a glance."""
