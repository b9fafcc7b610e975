"""The cases beside an entry: how people say it, and runs that must and must not fire it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kb import safe_yaml
from kb.errors import InputUnreadable, nearest
from kb.problems import Problem
from kb.run import Run, Series
from kb.types import LineSpan, Scalar

FIELDS = ("phrasings", "queries", "fires", "silent")


@dataclass(frozen=True, slots=True)
class Said:
    """One phrasing or query and the line it stands on."""

    text: str
    span: LineSpan


@dataclass(frozen=True, slots=True)
class Trace:
    """A named run that must, or must not, set the signature off."""

    name: str
    run: Run
    line: int
    unmatched_steps: bool = False


@dataclass(frozen=True, slots=True)
class Cases:
    """Everything in `<name>.cases.yaml`."""

    path: str
    phrasings: tuple[Said, ...] = ()
    queries: tuple[Said, ...] = ()
    fires: tuple[Trace, ...] = ()
    silent: tuple[Trace, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    """The 1-based line of each key path; empty when the file could not be read."""


def read_cases(path: Path, *, shown_as: str = "") -> tuple[Cases, list[Problem]]:
    """Read the cases file at `path`; every fault becomes a Problem, never an exception."""
    shown = shown_as or str(path)
    try:
        text = path.read_text(encoding="utf-8")
        value, lines = safe_yaml.load(text, where=shown)
    except FileNotFoundError:
        return Cases(shown), [Problem(shown, 1, "file is missing, expected cases for the entry")]
    except InputUnreadable as error:
        return Cases(shown), [Problem(shown, safe_yaml.line_of(error), error.message)]
    except (OSError, UnicodeDecodeError) as error:
        return Cases(shown), [Problem(shown, 1, f"cannot be read as UTF-8 text: {error}")]
    if not isinstance(value, dict):
        return Cases(shown), [Problem(shown, 1, f"expected a mapping of {', '.join(FIELDS)}")]
    problems = [
        Problem(shown, lines.get(key, 1), f'unknown field "{key}"{nearest(key, FIELDS)}')
        for key in map(str, value)
        if key not in FIELDS
    ]
    cases = Cases(
        shown,
        _said(value, "phrasings", lines, problems, shown),
        _said(value, "queries", lines, problems, shown),
        _traces(value, "fires", lines, problems, shown),
        _traces(value, "silent", lines, problems, shown),
        lines,
    )
    return cases, problems


def _said(
    value: Mapping[str, object],
    name: str,
    lines: Mapping[str, int],
    problems: list[Problem],
    path: str,
) -> tuple[Said, ...]:
    found: list[Said] = []
    for number, text in enumerate(_list(value, name, lines, problems, path)):
        line = lines.get(f"{name}.{number}", 1)
        if isinstance(text, str) and text.strip():
            found.append(Said(" ".join(text.split()), LineSpan(line, line)))
        else:
            problems.append(Problem(path, line, f"{name}: found {text!r}, expected a sentence"))
    return tuple(found)


def _traces(
    value: Mapping[str, object],
    name: str,
    lines: Mapping[str, int],
    problems: list[Problem],
    path: str,
) -> tuple[Trace, ...]:
    found: list[Trace] = []
    for number, item in enumerate(_list(value, name, lines, problems, path)):
        line = lines.get(f"{name}.{number}", 1)
        trace = _trace(item, line)
        if trace is None:
            problems.append(
                Problem(path, line, f"{name}: expected a trace with name, config and metrics")
            )
        else:
            found.append(trace)
    return tuple(found)


def _trace(item: object, line: int) -> Trace | None:
    if not isinstance(item, dict) or set(item) - {"name", "config", "metrics", "steps"}:
        return None
    steps = item.get("steps")
    if steps is not None and not _whole_numbers(steps):
        return None
    config, metrics = item.get("config") or {}, item.get("metrics") or {}
    if not isinstance(config, dict) or not isinstance(metrics, dict) or not item.get("name"):
        return None
    settings: dict[str, Scalar] = {}
    for key, setting in config.items():
        if not isinstance(setting, str | int | float | bool):
            return None
        settings[str(key)] = setting
    series: dict[str, Series] = {}
    for key, logged in metrics.items():
        values = logged if isinstance(logged, list) else [logged]
        # Kinds compared exactly: a flag is no number here, and neither is a blank.
        if not all(type(value) in (int, float) for value in values):
            return None
        try:
            series[str(key)] = _stepped(Series.from_values(str(key), values), steps)
        except OverflowError:
            return None
    unmatched = steps is not None and all(len(one) != len(steps) for one in series.values())
    return Trace(str(item["name"]), Run(settings, series), line, unmatched)


def _whole_numbers(steps: object) -> bool:
    return isinstance(steps, list) and all(
        type(step) is int and abs(step) < 2**62 for step in steps
    )


def _stepped(series: Series, steps: list[int] | None) -> Series:
    """Return the series at the steps of its trace; one of another length keeps 0, 1, 2 ..."""
    if steps is None or len(steps) != len(series):
        return series
    clock = np.array(steps, dtype=np.int64)
    return Series(series.metric, series.values, clock, series.logged_as)


def _list(
    value: Mapping[str, object],
    name: str,
    lines: Mapping[str, int],
    problems: list[Problem],
    path: str,
) -> list[object]:
    items = value.get(name) or []
    if isinstance(items, list):
        return items
    problems.append(Problem(path, lines.get(name, 1), f"{name}: expected a list"))
    return []
