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
    """One logged name. `keep` is the stride at which values are kept once there are many.

    Of each stride one value is kept: the first that is not finite, else the last.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    keep: int = 1
    _seen: int = 0
    _best: tuple[int, float] | None = None
    """How many values of the stride that is not complete were seen, and which would be kept."""

    def add(self, step: int, value: float, most: int) -> None:
        """Append one value; once there are `most`, every second one is dropped."""
        if self.keep > 1:
            if self._best is None or math.isfinite(self._best[1]):
                self._best = (step, value)
            self._seen += 1
            if self._seen < self.keep:
                return
            step, value = self._best
            self._best, self._seen = None, 0
        self.steps.append(step)
        self.values.append(value)
        if len(self.values) >= most:
            self._halve()

    def extend(self, steps: IntArray, values: FloatArray, most: int) -> None:
        """Append many values as `add` does one; both arrays have shape (n,)."""
        done = min(-self._seen % self.keep, len(values))
        self._add_each(steps[:done], values[:done], most)
        while strides := min((len(values) - done) // self.keep, most - len(self.values)):
            end = done + strides * self.keep
            self._append(*_kept(steps[done:end], values[done:end], self.keep))
            done = end
            if len(self.values) >= most:
                self._halve()
        self._add_each(steps[done:], values[done:], most)

    def _add_each(self, steps: IntArray, values: FloatArray, most: int) -> None:
        for step, value in zip(steps.tolist(), values.tolist(), strict=True):
            self.add(step, value, most)

    def _append(self, steps: IntArray, values: FloatArray) -> None:
        self.steps.frombytes(np.ascontiguousarray(steps).tobytes())
        self.values.frombytes(np.ascontiguousarray(values).tobytes())

    def _halve(self) -> None:
        steps, values = _kept(np.array(self.steps), np.array(self.values), 2)
        self.steps, self.values = array("q"), array("d")
        self._append(steps, values)
        self.keep *= 2

    def arrays(self) -> tuple[IntArray, FloatArray]:
        """Return steps and values, each of shape (n,), up to the newest value or, where values
        are left out, the one that stands for it."""
        steps, values = np.array(self.steps, dtype=np.int64), np.array(self.values)
        if self._best is not None:
            steps, values = np.append(steps, self._best[0]), np.append(values, self._best[1])
        return steps, values


def _kept(steps: IntArray, values: FloatArray, stride: int) -> tuple[IntArray, FloatArray]:
    """Return one of each `stride` values, see Column; `steps` and `values` are whole strides."""
    if stride == 1:
        return steps, values
    odd = ~np.isfinite(values.reshape(-1, stride))
    chosen = np.where(odd.any(axis=1), odd.argmax(axis=1), stride - 1)
    at = chosen + np.arange(0, len(values), stride)
    return steps[at], values[at]


@dataclass(slots=True)
class Log:
    """Columns, settings and findings of one run, in the order in which the files gave them.

    `most`, an even number, bounds the values kept of each column: None keeps all of a finished
    run; a followed run keeps a few thousand, evenly thinned, so that its memory stays flat.
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
            column.add(_bounded_step(step), value, self.most or MAX_VALUES)

    def extend(
        self, name: str, steps: Sequence[int] | IntArray, values: Sequence[float] | FloatArray
    ) -> None:
        """Append many values of `name`; `steps` and `values` have the same length."""
        column = self._column(name)
        if column is not None and self._room(len(values)):
            many = np.asarray(values, dtype=np.float64)
            column.extend(_int64(steps), many, self.most or MAX_VALUES)

    def set(self, name: str, value: object) -> None:
        """Keep a setting under its dotted name; nested mappings are flattened, lists joined."""
        for key, plain in flattened(name, value):
            if len(self.settings) < MAX_SETTINGS or key in self.settings:
                self.settings[key] = plain

    def find(self, kind: FindingKind, text: str, where: str = "", step: int | None = None) -> None:
        """Note something about the log itself, once for each kind and file."""
        if (kind, where) not in self._said and len(self.findings) < MAX_FINDINGS:
            self._said.add((kind, where))
            self.findings.append(Finding(kind, clean(text, MAX_TEXT), where, step))

    def clear(self) -> None:
        """Forget everything: the file was rewritten from its start."""
        self.columns.clear()
        self.settings.clear()
        self.findings.clear()
        self._said.clear()
        self.values = 0

    def _column(self, name: str) -> Column | None:
        column = self.columns.get(name)
        if column is None:
            name = clean(name)
            column = self.columns.get(name)
        if column is not None:
            return column
        if len(self.columns) >= MAX_COLUMNS:
            self.find("left out", f"more than {MAX_COLUMNS} metrics; the rest is left out")
            return None
        return self.columns.setdefault(name, Column())

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
        items = [_bounded(item) for item in value[:64] if isinstance(item, str | int | float)]
        if items:
            yield clean(name), clean(",".join(map(str, items)), MAX_TEXT)
    elif isinstance(value, str):
        yield clean(name), clean(value, MAX_TEXT)
    elif isinstance(value, int | float):
        yield clean(name), _bounded(value)


def clean(text: str, most: int = MAX_NAME) -> str:
    """Return what a log says as it can be shown and written: one line of valid UTF-8, at most
    `most` characters."""
    plain = strip_controls(text[: 4 * most]).replace("\n", " ").replace("\t", " ").strip()[:most]
    return plain.encode("utf-8", "replace").decode("utf-8")


def _bounded(value: Scalar) -> Scalar:
    """Return a setting of bounded size: Python does not print integers of any length."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    return value if abs(value) < 2**63 else _float(value)


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _bounded_step(step: int) -> int:
    return max(-_MAX_STEP, min(_MAX_STEP, step))


def _int64(steps: Sequence[int] | IntArray) -> npt.NDArray[np.int64]:
    if isinstance(steps, np.ndarray):
        return steps.astype(np.int64, copy=False)
    return np.array([_bounded_step(int(step)) for step in steps], dtype=np.int64)
