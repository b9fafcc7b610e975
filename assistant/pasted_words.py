"""Names with their numbers in what a person types: `loss 4.143, batch of 32, z_std is 1e-4`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from assistant.quantities import numbers_in
from ingest.runs.setting_names import typed_name
from kb.vocabulary import vocabulary

CLOCKS = frozenset(
    "epoch epochs ep step steps global_step iter iters iteration iterations it".split()
)
"""Names of where in the run the numbers are from, rather than of what was measured."""

_NUMBER = re.compile(
    r"(?<![\w.@/:^-])(?P<sign>[-+−]?)"
    r"(?:(?P<digits>\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,40}\.?\d{0,40}|\.\d{1,40})(?P<exponent>[eE][-+]?\d{1,4})?"
    r"(?P<suffix>[kK](?![A-Za-z]))?|(?P<word>(?i:nan|inf(?:inity)?))(?!\w))"
    r"(?P<percent>\s?%)?(?![\w]*[/:]\d)(?![A-Za-z_]{3})(?!-\w)"
)
_NAMES_AT_MOST = 3
_WORD = re.compile(r"[A-Za-z_][\w/@.#+-]*")
_PADDING = frozenset(
    "a about after all around as at average avg current equals final has have i in is it its last "
    "loss's mean my now of on only our running still stuck the then to train training was we "
    "with and but value".split()
)
"""Words around a name that change nothing of what it means."""

_BETWEEN = re.compile(r"[\s,\[\]()]*")
"""What stands between the values of one name: `loss 4.2 4.1` or `loss: [4.2, 4.1]`."""

_SEPARATORS = re.compile(r"[,;|\n]")


@dataclass(frozen=True, slots=True)
class Named:
    """A number and the name it stands under, "" when there is none. `percent` was typed."""

    name: str
    text: str
    value: float
    percent: bool


def named_numbers(line: str) -> Iterator[Named]:
    """Yield the numbers of a line in order, each with its name; takes linear time."""
    end, last, average = 0, "", False
    for match in _NUMBER.finditer(line):
        between = line[end : match.start()][-200:]
        average = bool(last) and between.strip() == "(" and line[match.end() :][:1] in (")", " ")
        end = match.end()
        if average:  # a meter's running mean: `loss: 4.14 (4.15)`
            continue
        name = _name_in(between)
        if not name:
            name, end = _name_behind(line, match)
        if not name and _BETWEEN.fullmatch(between) and not _is_setting(last):
            name = last
        last = name
        yield Named(name, match[0].strip(), _value(match), match["percent"] is not None)


@lru_cache(maxsize=4096)
def meaning(name: str) -> str | None:
    """Return the config name or the metric that a typed name means, None when unknown."""
    setting = typed_name(name)
    if setting is not None:
        return setting
    metric = vocabulary().resolve(name).metric
    if metric is not None:
        return metric
    # Roles in words, `batch of` or `B =`, are read as they are in a question.
    numbers = numbers_in(f"{name} = 2", stuck=False, k="queue_size")
    return numbers[0].role if len(numbers) == 1 else None


def is_clock(name: str) -> bool:
    """Tell whether a name says where in the run the numbers are from."""
    return re.sub(r"[^a-z]+", "_", name.lower()).strip("_") in CLOCKS


def _is_setting(name: str) -> bool:
    return typed_name(name) is not None


def _name_in(between: str) -> str:
    """Return the name at the end of the text before a number: the longest that is known, else
    the last words."""
    words: list[str] = _WORD.findall(_SEPARATORS.split(between.rstrip(" \t=:~≈@,;|'\"([{"))[-1])
    words = [word.rstrip(".-/#+") for word in words]
    while words and words[-1].lower() in _PADDING:
        words.pop()
    while len(words) > 1 and words[0].lower() in _PADDING:
        words.pop(0)
    if not words:
        return ""
    ends = [" ".join(words[-count:]) for count in range(min(_NAMES_AT_MOST, len(words)), 0, -1)]
    for place, name in enumerate(ends):
        if is_clock(name):
            return name
        known = meaning(name)
        if known is not None:  # the shortest that says the same: `loss` of `simclr loss`
            return next(one for one in reversed(ends[place:]) if meaning(one) == known)
    return words[-1]


def _name_behind(line: str, match: re.Match[str]) -> tuple[str, int]:
    """Return the name after a number that stands alone before it, and where it ends: `32 per GPU`,
    `0.5 temperature`."""
    rest = _SEPARATORS.split(line[match.end() : match.end() + 40])[0]
    if not rest.strip() or _NUMBER.search(rest):
        return "", match.end()
    end = match.end() + len(rest)
    said = numbers_in(f"{match[0]} {rest.strip()}", stuck=False, k="queue_size")
    if len(said) == 1 and said[0].role is not None:
        return said[0].role, end
    words = " ".join(_WORD.findall(rest)[:_NAMES_AT_MOST])
    known = bool(words) and (is_clock(words) or meaning(words) is not None)
    return (words, end) if known else ("", match.end())


def _value(match: re.Match[str]) -> float:
    sign = -1.0 if match["sign"] in ("-", "−") else 1.0
    if match["word"]:
        return sign * float(match["word"])
    number = float(match["digits"].replace(",", "") + (match["exponent"] or ""))
    return sign * number * (1000 if match["suffix"] else 1)
