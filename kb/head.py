"""The YAML head of a catalogue entry, checked against its closed set of fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from kb import safe_yaml
from kb.errors import InputUnreadable, nearest
from kb.problems import Problem
from kb.types import COSTS, STATUSES, Correction, Cost, Fix, Scalar, Status

FIELDS: tuple[str, ...] = (
    "id",
    "title",
    "family",
    "methods",
    "aliases",
    "status",
    "signature",
    "metrics",
    "corrects",
    "fixes",
    "references",
)
OPTIONAL_FIELDS: tuple[str, ...] = ("leads_to",)
FIX_FIELDS: tuple[str, ...] = ("id", "title", "change", "unless", "cost")
MAX_TITLE = 90
"""Characters of a title that still fit one line of an 100-column terminal with its id."""

ENTRY_ID = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*/[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_CONFIG_KEY = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(slots=True)
class Head:
    """The checked values of a head and the source line of each."""

    path: str
    values: dict[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    body_start: int = 1
    problems: list[Problem] = field(default_factory=list)

    def line(self, key: str) -> int:
        """Return the source line of `key`, or of its nearest recorded parent."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return self.lines.get(key, 1)

    def report(self, key: str, message: str) -> None:
        """Record a Problem at the line of `key`; a missing field was reported as missing."""
        if key in FIELDS and key not in self.values:
            return
        self.problems.append(Problem(self.path, self.line(key), message))

    def text(self, key: str) -> str:
        """Return a required text field; report it when it is something else."""
        value = self.values.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.report(key, f"{key}: found {value!r}, expected text")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list-of-text field, empty when it is absent."""
        value = self.values.get(key, [] if key in OPTIONAL_FIELDS else None)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(item.strip() for item in value)
        self.report(key, f"{key}: found {value!r}, expected a list of text")
        return ()


def read_head(text: str, path: str) -> Head:
    """Read the block between the two `---` lines at the top of `text`."""
    lines = text.split("\n")
    if not lines or lines[0].rstrip() != "---":
        return Head(path, problems=[Problem(path, 1, "found no head, expected --- on line 1")])
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        return Head(path, problems=[Problem(path, 1, "the head is never closed with ---")])
    try:
        values, marks = safe_yaml.load("\n".join(lines[1:end]), where=path, first_line=2)
    except InputUnreadable as error:
        problem = Problem(path, safe_yaml.line_of(error), error.message)
        return Head(path, body_start=end + 2, problems=[problem])
    if not isinstance(values, dict):
        problem = Problem(path, 2, "the head is not a mapping of fields")
        return Head(path, body_start=end + 2, problems=[problem])
    head = Head(path, {str(k): v for k, v in values.items()}, marks, end + 2)
    for key in head.values:
        if key not in (*FIELDS, *OPTIONAL_FIELDS):
            head.report(key, f'unknown field "{key}"{nearest(key, (*FIELDS, *OPTIONAL_FIELDS))}')
    for key in FIELDS:
        if key not in head.values:
            head.problems.append(Problem(path, 2, f'field "{key}" is missing'))
    return head


def status_of(head: Head) -> Status:
    """Return the status, `draft` when it is not one of the known words."""
    word = str(head.values.get("status"))
    for status in STATUSES:
        if word == status:
            return status
    head.report("status", f'status: found "{word}"{nearest(word, get_args(Status))}')
    return "draft"


def corrections_of(head: Head) -> tuple[Correction, ...]:
    """Return the `{claim, truth}` pairs of `corrects`."""
    items = head.values.get("corrects")
    if not isinstance(items, list):
        head.report("corrects", f"corrects: found {items!r}, expected a list")
        return ()
    found: list[Correction] = []
    for number, item in enumerate(items):
        pair = item if isinstance(item, dict) and set(item) == {"claim", "truth"} else {}
        claim, truth = (_sentence(pair.get(word)) for word in ("claim", "truth"))
        if claim and truth:
            found.append(Correction(claim, truth))
        else:
            head.report(
                f"corrects.{number}",
                f"corrects: found {item!r}, expected a claim and a truth, both text",
            )
    return tuple(found)


def fixes_of(head: Head) -> tuple[Fix, ...]:
    """Return the fixes of the head; their text is filled in from the body."""
    items = head.values.get("fixes")
    if not isinstance(items, list) or not items:
        head.report("fixes", "fixes: expected a list with at least one fix")
        return ()
    return tuple(
        fix for number, item in enumerate(items) if (fix := _fix(head, f"fixes.{number}", item))
    )


def _fix(head: Head, key: str, item: object) -> Fix | None:
    if not isinstance(item, dict):
        head.report(key, f"fix: found {item!r}, expected {', '.join(FIX_FIELDS)}")
        return None
    for name in map(str, item):
        if name not in FIX_FIELDS:
            head.report(f"{key}.{name}", f'fix: unknown field "{name}"{nearest(name, FIX_FIELDS)}')
    identity, title = _sentence(item.get("id")), _sentence(item.get("title"))
    if not _SLUG.match(identity):
        found = item.get("id")
        head.report(f"{key}.id", f"fix id: found {found!r}, expected a slug like lower-the-lr")
    if not title:
        head.report(f"{key}.title", f"fix: title: found {item.get('title')!r}, expected text")
    unless = item.get("unless")
    if unless is not None and not isinstance(unless, str):
        head.report(f"{key}.unless", f"unless: found {unless!r}, expected an expression or null")
        unless = None
    return Fix(identity, title, "", _cost(head, key, item), _change(head, key, item), unless)


def _sentence(value: object) -> str:
    """Return `value` without the space around it, empty when it is no text."""
    return value.strip() if isinstance(value, str) else ""


def _cost(head: Head, key: str, item: Mapping[str, object]) -> Cost | None:
    word = str(item.get("cost"))
    for cost in COSTS:
        if word == cost:
            return cost
    head.report(f"{key}.cost", f'cost: found "{word}", expected one of {", ".join(COSTS)}')
    return None


def _change(head: Head, key: str, item: Mapping[str, object]) -> dict[str, Scalar]:
    change = item.get("change")
    if not isinstance(change, dict):
        head.report(f"{key}.change", f"change: found {change!r}, expected a mapping, {{}} for none")
        return {}
    found: dict[str, Scalar] = {}
    for name, value in change.items():
        if not isinstance(name, str) or not _CONFIG_KEY.match(name):
            head.report(f"{key}.change", f"change: {name!r} is no config key")
        elif isinstance(value, str | int | float | bool):
            found[name] = value
        else:
            message = f"change: {name}: found {value!r}, expected a value"
            head.report(f"{key}.change.{name}", message)
    return found
