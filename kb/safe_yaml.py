"""YAML from outside, bounded: safe types only, no aliases, limited size and depth.

Aliases are refused because a few nested ones expand to gigabytes.
"""

from __future__ import annotations

from typing import Any

import yaml

from kb.errors import InputUnreadable

MAX_CHARACTERS = 256 * 1024
"""Longest head or cases file accepted; ours are under 16 KB."""

MAX_DEPTH = 32

# A tuple lookup, so that the pure-Python loader serves where libyaml was not compiled in.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str, *, where: str, first_line: int = 1) -> tuple[object, dict[str, int]]:
    """Return the value and the 1-based line of each key path, such as `fixes.2.cost`.

    Raises InputUnreadable with `file:line` for anything that is not plain bounded YAML.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputUnreadable(
            f"YAML block of {len(text)} characters, expected at most {MAX_CHARACTERS}",
            where=f"{where}:{first_line}",
        )
    try:
        _refuse_expansion(text, where, first_line)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise InputUnreadable(str(problem), where=f"{where}:{line}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise InputUnreadable(f"not valid YAML: {error}", where=f"{where}:{first_line}") from error
    lines: dict[str, int] = {}
    if node is not None:
        _collect_lines(node, "", first_line, lines)
    return value, lines


def _refuse_expansion(text: str, where: str, first_line: int) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = first_line + event.start_mark.line
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


def _collect_lines(node: yaml.Node, path: str, first_line: int, lines: dict[str, int]) -> None:
    lines[path] = first_line + node.start_mark.line
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            name = f"{path}.{key.value}" if path else str(key.value)
            _collect_lines(child, name, first_line, lines)
            lines[name] = first_line + key.start_mark.line
    elif isinstance(node, yaml.SequenceNode):
        for number, child in enumerate(node.value):
            name = f"{path}.{number}" if path else str(number)
            _collect_lines(child, name, first_line, lines)
