"""What the files of a run said: columns of numbers under their logged names, and settings.

Readers fill a Log; `ingest.runs.assemble` makes a Run of it. Nothing here knows a format or
what a name means.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kb.plain_text import strip_controls
from kb.run import Finding, FindingKind, FloatArray, IntArray
from kb.types import Scalar

MAX_COLUMNS = 4096
MAX_VALUES = 64_000_000
"""Values of one run in memory, 16 bytes each: a billion bytes, more than any log comes near."""

MAX_SETTINGS = 4096
MAX_NAME = 200
MAX_TEXT = 500
MAX_FINDINGS = 200
_MAX_STEP = 2**62


@dataclass(slots=True)
class Column:
    """One logged name. `keep` is the stride at which values are kept once there are many."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    keep: int = 1
    _skipped: int = 0
    _odd: tuple[int, float] | None = None

    def add(self, step: int, value: float, most: int) -> None:
        """Append one value; beyond `most`, every second one is dropped and the stride doubles.

        A value that is not finite is never dropped in favour of one that is.
        """
        if self.keep > 1 and not self._due(step, value):
            return
        if self._odd is not None:
            step, value = self._odd
            self._odd = None
        self.steps.append(step)
        self.values.append(value)
        if len(self.values) >= most:
            self._halve()

    def _due(self, step: int, value: float) -> bool:
        self._skipped += 1
        if self._odd is None and not math.isfinite(value):
            self._odd = (step, value)
        if self._skipped < self.keep:
            return False
        self._skipped = 0
        return True

    def _halve(self) -> None:
        values = np.frombuffer(self.values, dtype=np.float64)
        steps = np.frombuffer(self.steps, dtype=np.int64)
        pairs = len(values) // 2
        later = 2 * np.arange(pairs) + 1
        chosen = np.where(np.isfinite(values[later - 1]), later, later - 1)
        kept_steps, kept_values = steps[chosen].tobytes(), values[chosen].tobytes()
        self.steps, self.values = array("q"), array("d")
        self.steps.frombytes(kept_steps)
        self.values.frombytes(kept_values)
        self.keep *= 2

    def extend(self, steps: IntArray, values: FloatArray) -> None:
        """Append many values at once, both of shape (n,), to a column that is not thinned."""
        self.steps.frombytes(np.ascontiguousarray(steps, dtype=np.int64).tobytes())
        self.values.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())

    def arrays(self) -> tuple[IntArray, FloatArray]:
        """Return copies of steps and values, each of shape (n,)."""
        return np.array(self.steps, dtype=np.int64), np.array(self.values, dtype=np.float64)


@dataclass(slots=True)
class Log:
    """Columns, settings and findings of one run, in the order in which the files gave them.

    `most` bounds the values kept of each column: None keeps all of a finished run; a followed
    run keeps a few thousand, evenly thinned, so that its memory stays flat.
    """

    logger: str = ""
    most: int | None = None
    columns: dict[str, Column] = field(default_factory=dict)
    settings: dict[str, Scalar] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    values: int = 0
    _said: set[tuple[str, str]] = field(default_factory=set)

    def add(self, name: str, step: int, value: float) -> None:
        """Append one value of `name`; what exceeds the bounds is left out and found."""
        column = self._column(name)
        if column is not None and self._room(1):
            column.add(_bounded(step), value, self.most or MAX_VALUES)

    def add_row(self, step: int, row: Mapping[str, float]) -> None:
        """Append what one record logged at one step."""
        for name, value in row.items():
            self.add(name, step, value)

    def extend(
        self, name: str, steps: Sequence[int] | IntArray, values: Sequence[float] | FloatArray
    ) -> None:
        """Append many values of `name`; `steps` and `values` have the same length."""
        column = self._column(name)
        if column is None:
            return
        if self.most is not None:
            for step, value in zip(steps, values, strict=True):
                self.add(name, int(step), float(value))
        elif self._room(len(values)):
            column.extend(_int64(steps), np.asarray(values, dtype=np.float64))

    def set(self, name: str, value: object) -> None:
        """Keep a setting under its dotted name; nested mappings are flattened, lists joined."""
        for key, plain in flattened(name, value):
            if len(self.settings) < MAX_SETTINGS or key in self.settings:
                self.settings[key] = plain

    def find(self, kind: FindingKind, text: str, where: str = "", step: int | None = None) -> None:
        """Note something about the log itself, once for each kind and file."""
        if (kind, where) not in self._said and len(self.findings) < MAX_FINDINGS:
            self._said.add((kind, where))
            self.findings.append(Finding(kind, strip_controls(text)[:MAX_TEXT], where, step))

    def clear(self) -> None:
        """Forget everything: the file was rewritten from its start."""
        self.columns.clear()
        self.settings.clear()
        self.findings.clear()
        self._said.clear()
        self.values = 0

    def _column(self, name: str) -> Column | None:
        column = self.columns.get(name)
        if column is not None:
            return column
        if len(self.columns) >= MAX_COLUMNS:
            self.find("left out", f"more than {MAX_COLUMNS} metrics; the rest is left out")
            return None
        return self.columns.setdefault(strip_controls(name)[:MAX_NAME], Column())

    def _room(self, count: int) -> bool:
        if self.most is None and self.values + count > MAX_VALUES:
            self.find("left out", f"more than {MAX_VALUES:,} values; the rest is left out")
            return False
        self.values += count
        return True


def number(value: object) -> float | None:
    """Return a logged value as a float, NaN and infinity included; None when it is no number.

    Text such as "nan", "inf" and "1e-3" counts; booleans, blanks and other text do not.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _float(value)
    if not isinstance(value, str) or not value or len(value) > 64 or "_" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return None


def flattened(name: str, value: object, depth: int = 0) -> Iterable[tuple[str, Scalar]]:
    """Yield (dotted name, value) of a setting; mappings deeper than 8 are left out.

    A list of scalars becomes text with commas; None and what is neither is left out.
    """
    if isinstance(value, Mapping):
        if depth < 8:
            for key, item in list(value.items())[:MAX_SETTINGS]:
                yield from flattened(f"{name}.{key}" if name else str(key), item, depth + 1)
    elif isinstance(value, list | tuple):
        items = [item for item in value[:64] if isinstance(item, str | int | float)]
        if items:
            yield _named(name), strip_controls(",".join(map(str, items)))[:MAX_TEXT]
    elif isinstance(value, str):
        yield _named(name), strip_controls(value)[:MAX_TEXT]
    elif isinstance(value, int | float):
        yield _named(name), value if abs(value) < 2**63 else _float(value)


def _named(name: str) -> str:
    return strip_controls(name)[:MAX_NAME]


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _bounded(step: int) -> int:
    return max(-_MAX_STEP, min(_MAX_STEP, step))


def _int64(steps: Sequence[int] | IntArray) -> npt.NDArray[np.int64]:
    if isinstance(steps, np.ndarray):
        return steps.astype(np.int64, copy=False)
    return np.array([_bounded(int(step)) for step in steps], dtype=np.int64)
