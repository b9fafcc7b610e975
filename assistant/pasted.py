"""Numbers that were typed or pasted -> the mapping that `diagnose` judges like a run.

Read are `loss 4.143, batch 32`, `name=value` and `name: value`, log lines, a table, a Python
dict and JSON; what is not understood is said, never guessed.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from assistant.clauses import shown
from assistant.pasted_words import Named, is_clock, meaning, named_numbers
from ingest.runs.formats.console import tidy
from ingest.runs.formats.line_clock import read_clock
from ingest.runs.formats.pairs import metrics_in
from ingest.runs.setting_names import typed_name
from kb.method_names import methods_in
from kb.plain_text import strip_controls
from kb.run import CONFIG_NAMES
from kb.types import Scalar
from kb.vocabulary import vocabulary

MOST_CHARACTERS = 256 * 1024
"""Text beyond is not read, and said so: a snapshot has lines, a log belongs in a file."""

MOST_VALUES = 4096
MOST_NAMES = 256
_DEPTH = 8
_SHOWN = 4
"""Values of one name that are shown."""

_TEXTS = frozenset({"method", "precision", "optimizer"})
_TEXT_PAIR = re.compile(
    r"['\"]?\b(method|algorithm|ssl_method|precision|optimi[sz]er)\b['\"]?[ \t]*[:= ][ \t]*"
    r"['\"]?([A-Za-z][\w.-]{0,40})"
)
_LITERAL = re.compile(r"\{[^{}]*\}|\{.*\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ReadName:
    """How one name was read: as the metric or setting `meaning`, None with the reason why not.

    `values` are as they go into the judgement; `kind` is what the name stands for.
    """

    name: str
    meaning: str | None
    kind: str
    values: tuple[Scalar, ...]
    reason: str = ""

    def told(self) -> str:
        """Return one line: the name, what it was read as, its values."""
        values = ", ".join(shown(value) for value in self.values[:_SHOWN])
        more = f", … ({len(self.values):,} values)" if len(self.values) > _SHOWN else ""
        meant = self.meaning if self.meaning is not None else "not used"
        read = f" is {meant}" if self.meaning != self.name else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"{self.name}{read}: {values}{more}{why}"


@dataclass(frozen=True, slots=True)
class Pasted:
    """What was read of a text.

    `numbers` goes into `diagnose(run=...)`; `names` tells of each name how it was read, and
    `not_understood` holds pieces of the text that nothing was made of, with the reason.
    """

    numbers: Mapping[str, Scalar | Sequence[float]]
    names: tuple[ReadName, ...]
    not_understood: tuple[str, ...] = ()

    def told(self) -> list[str]:
        """Return how each name was read and what was not understood, one line each."""
        odd = [f"not understood: {piece}" for piece in self.not_understood]
        return [*(name.told() for name in self.names), *odd]

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types: how each name was read, and what was not."""
        return {
            "names": [
                {
                    "name": one.name,
                    "meaning": one.meaning,
                    "kind": one.kind,
                    "values": [_plain(value) for value in one.values],
                    "reason": one.reason,
                }
                for one in self.names
            ],
            "not_understood": list(self.not_understood),
        }


@dataclass(slots=True)
class _Collected:
    """Values by name, in the order in which names came."""

    values: dict[str, list[Scalar]] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)

    def add(self, name: str, value: Scalar) -> None:
        name = " ".join(strip_controls(name[:200]).split())
        if name not in self.values and len(self.values) >= MOST_NAMES:
            self._once(f"more than {MOST_NAMES} names; the others were left out")
            return
        held = self.values.setdefault(name, [])
        if len(held) >= MOST_VALUES:
            self._once(f"{name}: more than {MOST_VALUES:,} values; the others were left out")
            return
        held.append(value)

    def _once(self, text: str) -> None:
        if text not in self.odd:
            self.odd.append(text)


def read_pasted(text: str) -> Pasted:
    """Read numbers out of any text; never raises."""
    found = _Collected()
    if len(text) > MOST_CHARACTERS:
        found.odd.append(f"only the first {MOST_CHARACTERS:,} characters were read")
    clean = strip_controls(text[:MOST_CHARACTERS].encode("utf-8", "replace").decode())
    whole = _object(clean)
    if whole is not None:
        _flatten("", whole, found, 0)
    elif not _table(clean, found):
        for line in clean.splitlines():
            _line(line, found)
    return _resolved(found, clean)


def _object(text: str) -> object | None:
    """Return the mapping that the text is, as JSON or as a Python literal; None for neither."""
    begin, end = text.find("{"), text.rfind("}")
    # Only an assignment may stand before it: `metrics = {...}`.
    if begin < 0 or end < begin or not re.fullmatch(r"[\w\s.=:]{0,80}", text[:begin]):
        return None
    if text[end + 1 :].strip(" \t\r\n;,)"):
        return None
    held = text[begin : end + 1]
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(held)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _flatten(name: str, value: object, found: _Collected, depth: int) -> None:
    """Collect the numbers and texts of nested mappings and lists under their own names."""
    if depth > _DEPTH:
        found.odd.append(f"{name}: nested too deeply")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            leaf = str(key)
            # `{"config": {"batch_size": 32}}`: the own name counts where it says something.
            known = typed_name(leaf) is not None or meaning(leaf[:200]) is not None
            _flatten(leaf if known or not name else f"{name}/{leaf}", inner, found, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value[: MOST_VALUES + 1]:
            _flatten(name, one, found, depth + 1)
    elif isinstance(value, bool | int | float) and name:
        found.add(name, _number(value))
    elif isinstance(value, str) and name:
        number = _as_number(value)
        if number is not None:
            found.add(name, number)
        elif typed_name(name) in _TEXTS:
            found.add(name, value[:80])


def _table(text: str, found: _Collected) -> bool:
    """Read a header with rows of numbers below it; return whether the text is one."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    for cut in (",", "\t", "|", None):
        rows = [[cell.strip() for cell in line.strip("| ").split(cut)] for line in lines]
        rows = [row for row in rows if not all(set(cell) <= set("-:+") for cell in row)]
        head = rows[0]
        if len(head) < 2 or len(rows) < 2 or any(len(row) != len(head) for row in rows):
            continue
        if any(not cell or _as_number(cell) is not None or "=" in cell for cell in head):
            continue
        cells = [[_as_number(cell) for cell in row] for row in rows[1:]]
        if any(value is None and row[i] for row, r in zip(rows[1:], cells, strict=True)
               for i, value in enumerate(r)):  # fmt: skip
            continue
        for row in cells:
            for name, value in zip(head, row, strict=True):
                if value is not None:
                    found.add(name, value)
        return True
    return False


def _line(line: str, found: _Collected) -> None:
    """Read one line: an object in it, a logger's meter, or what a person types."""
    literal = _LITERAL.search(line) if "{" in line and "}" in line else None
    record = _object(literal[0]) if literal else None
    if record is not None:
        _flatten("", record, found, 0)
        return
    plain = tidy(line)
    clock = read_clock(plain) if any(map(str.isdigit, plain)) else None
    if clock is not None and clock.of:
        metrics = metrics_in(clock.rest, clocked=True)
        for name, value in metrics.items():
            found.add(name, value)
        if metrics:
            return
    for match in _TEXT_PAIR.finditer(plain):
        found.add(match[1], match[2])
    for one in named_numbers(plain):
        _typed(one, found)


def _typed(one: Named, found: _Collected) -> None:
    if not one.name:
        found.odd.append(f"{one.text}: no name stands with it")
    else:
        found.add(one.name, one.value / 100 if _is_share(one) else _number(one.value))


def _is_share(one: Named) -> bool:
    """Tell whether `12%` means 0.12 here: only of metrics in percent does it mean 12."""
    known = meaning(one.name)
    if not one.percent or known is None:
        return False
    return known not in vocabulary() or vocabulary().metric(known).unit != "percent"


def _resolved(found: _Collected, text: str) -> Pasted:
    """Return the values under the names that `diagnose` knows, and how each was read."""
    numbers: dict[str, Scalar | Sequence[float]] = {}
    names: list[ReadName] = []
    if "method" not in {typed_name(name) for name in found.values} and (said := methods_in(text)):
        found.values = {"method": [said[0]], **found.values}
    for name, values in found.values.items():
        read = _read_name(name, values)
        if read.meaning in numbers:
            read = ReadName(name, None, "left out", read.values, f"{read.meaning} was given before")
        names.append(read)
        if read.kind in ("setting", "metric", "unknown"):
            key = read.meaning or name
            numbers[key] = read.values[0] if len(read.values) == 1 else _floats(read.values)
    return Pasted(numbers, tuple(names), tuple(found.odd))


def _read_name(name: str, values: Sequence[Scalar]) -> ReadName:
    held = tuple(values)
    known = meaning(name)
    if is_clock(name) and (known is None or len(held) > 1):
        return ReadName(name, None, "clock", held, "where in the run the numbers are from")
    if known in CONFIG_NAMES and len(set(map(str, held))) == 1:
        return ReadName(name, known, "setting", held[:1])
    if known in CONFIG_NAMES and known not in vocabulary():
        return ReadName(name, known, "setting", held[-1:], "given several times; the last counts")
    if any(isinstance(value, str) for value in held):
        return ReadName(name, None, "left out", held, "text where a number was expected")
    if known is not None:
        return ReadName(name, known, "metric", held)
    resolution = vocabulary().resolve(name)
    if resolution.candidates:
        reason = f"could be {' or '.join(resolution.candidates)}"
    else:
        near = vocabulary().nearest(name)
        reason = "not in the vocabulary" + (f', did you mean "{near}"?' if near else "")
    return ReadName(name, None, "unknown", held, reason)


def _as_number(text: str) -> Scalar | None:
    try:
        return _number(float(text.replace("−", "-")))
    except ValueError:
        return None


def _number(value: float) -> Scalar:
    """Return whole numbers as integers: settings count images and processes."""
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.copysign(math.inf, value)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _floats(values: Iterable[Scalar]) -> list[float]:
    return [float(value) for value in values]


def _plain(value: Scalar) -> Scalar:
    """Return a value as JSON can hold it: NaN and infinity become text."""
    return str(value) if isinstance(value, float) and not -1e308 < value < 1e308 else value
