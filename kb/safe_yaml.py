"""YAML from outside, bounded: safe types only, no aliases, limited size and depth.

Aliases are refused because a few nested ones expand to gigabytes, repeated keys because
YAML would silently keep the last.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from kb.errors import InputUnreadable

MAX_CHARACTERS = 256 * 1024
"""Longest head or cases file accepted; ours are under 16 KB."""

MAX_DEPTH = 32

# Looked up by name, so that the pure-Python loader serves where libyaml was not compiled in.
_LOADER: Any = type("_Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
# YAML 1.1 reads 1e-4 as text, since it wants a dot and a signed exponent; everybody means a number.
_LOADER.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def load(text: str, *, where: str, first_line: int = 1) -> tuple[object, dict[str, int]]:
    """Return the value and the 1-based line of each key path, such as `fixes.2.cost`.

    Raises InputUnreadable with `file:line` for anything that is not plain bounded YAML.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputUnreadable(
            f"YAML block of {len(text)} characters, expected at most {MAX_CHARACTERS}",
            where=f"{where}:{first_line}",
        )
    lines: dict[str, int] = {}
    try:
        _refuse_expansion(text, where, first_line)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                _collect_lines(node, "", where, first_line, lines)
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputUnreadable(str(problem), where=f"{where}:{line}") from error
    # What the constructors raise for a tag whose text does not fit, such as `!!int ""`.
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise InputUnreadable(f"not valid YAML: {error}", where=f"{where}:{first_line}") from error
    except RecursionError as error:
        raise InputUnreadable("YAML nested too deep", where=f"{where}:{first_line}") from error
    return value, lines


def line_of(error: InputUnreadable) -> int:
    """Return the line at the end of an error's `where`, 1 when there is none."""
    number = error.where.rpartition(":")[2]
    return int(number) if number.isdecimal() else 1


def _refuse_expansion(text: str, where: str, first_line: int) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent):
            raise InputUnreadable("YAML alias, expected plain values", where=f"{where}:{line}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputUnreadable(
                    f"YAML nested deeper than {MAX_DEPTH}", where=f"{where}:{line}"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _collect_lines(
    node: yaml.Node, path: str, where: str, first_line: int, lines: dict[str, int]
) -> None:
    lines[path] = first_line + node.start_mark.line
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            name = f"{path}.{key.value}" if path else str(key.value)
            line = first_line + key.start_mark.line
            if name in seen:
                raise InputUnreadable(f'key "{key.value}" stands twice', where=f"{where}:{line}")
            seen.add(name)
            _collect_lines(child, name, where, first_line, lines)
            lines[name] = line
    elif isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            name = f"{path}.{number}" if path else str(number)
            _collect_lines(child, name, where, first_line, lines)
