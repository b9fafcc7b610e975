"""Names with their numbers in a line of free text: `loss: 4.1 (4.2)`, `Acc@1 0.5`, `lr=1e-3`."""

from __future__ import annotations

import re
from functools import lru_cache

from ingest.runs.formats.standing import standing

_NUMBER = (
    r"(?>[-+]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][-+]?\d{1,4})?"
    r"|[-+]?(?i:nan|inf(?:inity)?))"
)
_PAIR = re.compile(
    r"(?<![\w@/.%+#-])([A-Za-z_%][\w@/.%+#-]*+(?:\([A-Za-z]{1,2}\)| \(t\))?+)['\"]?+"
    r"[ \t]*+([:=]?)[ \t]*+['\"]?+(?:tensor\()?+"
    rf"({_NUMBER})(?> ?(ms|s|%|MB|GB|M|G)(?![\w/]))?(?![\w:/%]|[-.]\d)"
    rf"([ \t]*+\([ \t]*+{_NUMBER}[^()]{{0,8}}\))?"
)
_ANOTHER = re.compile(r"[ \t]++[-+]?\d[\d.eE+-]{0,40}+(?=[\s|,;\]]|$)")
_EDGE = re.compile(r"[,;|:=()\[\]{}\t*]")
_WORD = re.compile(r"[A-Za-z%_][\w@%+-]*")
_KNN = re.compile(r"\b(\d{1,6}-NN classifier result): Top1: (\d{1,3}(?:\.\d{1,20})?)")

_NOISE = frozenset("average averaged avg mean running current info".split())
"""Words before a name that do not change what it means."""

_NO_METRICS = frozenset("eta elapsed remaining rank local_rank pid v_num seed gpu host".split())
_KNOWN = frozenset({"metric", "several metrics", "metric or setting"})


def metrics_in(line: str, *, clocked: bool) -> dict[str, float]:
    """Return the metrics of a line that has a clock (taken out of it), or of one that has none.

    With a clock: names set off by `:` or `=`, or between bars, or with an average in brackets
    behind, whatever they are; other names before a number only if the vocabulary knows them.
    Without one, known names only, and nothing unless one of them is no setting as well: numbers
    in prose are no metrics. A name with several numbers is left out.
    """
    found: dict[str, float] = {}
    telling, end = clocked, 0
    for match in _PAIR.finditer(line):
        word, mark, value, unit, average = match.groups()
        name = _name(line[end : match.start()][-100:], word)
        end = match.end()
        if _ANOTHER.match(line, end) or name.lower() in _NO_METRICS:
            continue
        kind = standing(name)
        apart = mark or average or (clocked and _between_bars(line, match))
        if kind == "clock" or not (kind in _KNOWN or (clocked and apart and name)):
            continue
        telling = telling or kind == "metric"
        found.setdefault(f"{name} (ms)" if unit == "ms" else name, float(value))
    knn = _KNN.search(line) if "classifier" in line else None
    if knn is not None:
        return {f"{knn[1]} Top1": float(knn[2])}
    return found if telling else {}


@lru_cache(maxsize=8192)
def _name(before: str, word: str) -> str:
    """Return the name that ends with `word`, "" when too many words or "best" stand before it."""
    words = _EDGE.split(before)[-1].split()
    for at in range(len(words) - 1, -1, -1):
        if not _WORD.fullmatch(words[at]):
            del words[: at + 1]
            break
    while words and words[0].lower() in _NOISE:
        words.pop(0)
    word = word.rstrip(".-/#+")
    if len(words) > 2 or (words and words[0].lower() == "best"):
        return ""
    return " ".join([*words, word])


def _between_bars(line: str, match: re.Match[str]) -> bool:
    left = line[: match.start()].rstrip()
    right = line[match.end() :].lstrip()
    return left.endswith("|") and (not right or right.startswith("|"))
