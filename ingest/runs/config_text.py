"""Text of a settings file -> a mapping: JSON, YAML, an argparse Namespace, `key: value` lines.

YAML is read here by its events, since Lightning and hydra write what the safe loaders refuse:
Python tags, whose content is read as the plain value that it is, and aliases, which are left
out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from ingest.runs.formats.settings_text import SettingLines, command_line, namespace, scalar
from kb.errors import InputUnreadable

MAX_DEPTH = 32
MAX_YAML = 256 * 1024
"""Longest YAML read, in characters: libyaml's events take a second for a megabyte of them."""

NOTHING = "null"
"""How a setting that is set to nothing is kept: `grad_clip: null` says that there is none."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YES = frozenset(("true", "yes", "on"))
_NO = frozenset(("false", "no", "off"))


def settings_in(text: str, name: str) -> dict[str, object]:
    """Return the settings in the text of a file called `name`; InputUnreadable for none."""
    stripped = text.strip()
    if not stripped:
        return {}
    if name.lower().endswith((".yaml", ".yml")):
        found = _yaml(text, name)
    elif stripped.startswith("{"):
        found = _json(stripped, name)
    else:
        return _plain(stripped)
    if not isinstance(found, Mapping):
        raise InputUnreadable("no settings, expected names with values", where=name)
    return {str(key): _kept(value) for key, value in found.items()}


def _json(text: str, name: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputUnreadable(f"not valid JSON: {error}", where=name) from error


def _kept(value: object, depth: int = 0) -> object:
    """Return a value with each None in a mapping as text, so that it stays a setting."""
    if value is None:
        return NOTHING
    if isinstance(value, dict) and depth < MAX_DEPTH:
        return {str(key): _kept(item, depth + 1) for key, item in value.items()}
    return value


def _plain(text: str) -> dict[str, object]:
    """Read what `print(args)` and its relatives leave behind."""
    found: dict[str, object] = {
        key: NOTHING if value is None else value for key, value in namespace(text).items()
    }
    if found:
        return found
    lines = SettingLines()
    for line in text.splitlines():
        found.update(command_line(line))
        pair = lines.read(line)
        if pair is not None:
            found[pair[0]] = pair[1]
    return found


class _Builder:
    """Builds plain values from YAML events; `root` is the first document."""

    def __init__(self) -> None:
        self.root: object = None
        self._open: list[tuple[object, list[object]]] = []
        self._done = False

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._put(_scalar(event))
        elif isinstance(event, yaml.AliasEvent):
            self._put(None)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) >= MAX_DEPTH:
                raise InputUnreadable(f"YAML nested deeper than {MAX_DEPTH}")
            self._open.append((event, []))
        elif isinstance(event, yaml.CollectionEndEvent):
            start, items = self._open.pop()
            self._put(_mapping(items) if isinstance(start, yaml.MappingStartEvent) else items)

    def _put(self, value: object) -> None:
        if self._open:
            self._open[-1][1].append(value)
        elif not self._done:
            self.root, self._done = value, True


def _mapping(items: list[object]) -> dict[str, object]:
    pairs = zip(items[::2], items[1::2], strict=False)
    return {str(key): value for key, value in pairs if isinstance(key, str | int | float)}


def _scalar(event: yaml.ScalarEvent) -> object:
    text = str(event.value)
    if not event.implicit[0]:  # quoted, or tagged
        return text
    plain = text.lower()
    if plain in ("", "~", "null"):
        return None
    if plain in _YES or plain in _NO:
        return plain in _YES
    return scalar(text)


def _yaml(text: str, name: str) -> object:
    if len(text) > MAX_YAML:
        raise InputUnreadable(f"YAML of over {MAX_YAML:,} characters", where=name)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        where = f"{name}:{mark.line + 1}" if mark else name
        raise InputUnreadable(str(problem), where=where) from error
    return builder.root
