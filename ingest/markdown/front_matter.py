"""The YAML head of a note: found, bounded, read with the safe loader, made plain data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml

from ingest.markdown.clean import clean
from ingest.markdown.obsidian import show_wikilinks
from kb.errors import InputUnreadable

MAX_CHARACTERS = 64 * 1024
MAX_DEPTH = 32
MAX_NODES = 5_000
MAX_ALIASES = 8
"""Bounds on a head, choices: a hand-written one has a few dozen nodes and no alias. Eight
aliases cannot multiply `MAX_NODES` beyond what is quick to build, merge keys included."""

_KEY = re.compile(r"(?:[^\s#\-\[\]{}&*!|>%@`?:,][^:\n]{0,200}|\"[^\"\n]{1,200}\"):(?:\s|$)")

_LOADER_ERRORS = (
    yaml.YAMLError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RecursionError,
)
"""What PyYAML raises on values that only look like dates, numbers or binary data."""

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """A YAML head: its values as JSON-like data and the lines it takes (0 for no head)."""

    values: dict[str, Plain] = field(default_factory=dict)
    line_count: int = 0


def read_front_matter(lines: Sequence[str], path: str) -> FrontMatter:
    """Return the head of a document, or an empty one where it has no mapping at its top.

    Raises `InputUnreadable` for a head that is broken YAML or larger or deeper than bounds.
    """
    end = _closing_line(lines)
    if not end:
        return FrontMatter()
    text = "\n".join(lines[1:end])
    where = f"{path}:1"
    if len(text) > MAX_CHARACTERS:
        raise InputUnreadable(
            f"the YAML head has {len(text)} characters, at most {MAX_CHARACTERS} are read",
            where=where,
            hint="move its contents below the second ---",
        )
    try:
        _check_bounds(text, path)
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            return FrontMatter()
        head = {_word(key): _plain(value, where, 1) for key, value in values.items()}
    except _LOADER_ERRORS as error:
        raise _unreadable(error, path) from error
    return FrontMatter(head, end + 1)


def _closing_line(lines: Sequence[str]) -> int:
    """Return the index of the line that closes a head, 0 when there is no head.

    The first line of a head is a key: a page that merely starts with a rule is not a head.
    """
    if not lines or lines[0].rstrip() != "---":
        return 0
    content = [line for line in lines[1:50] if line.strip() and not line.lstrip().startswith("#")]
    if not content or not _KEY.match(content[0]):
        return 0
    for i in range(1, len(lines)):
        if lines[i].rstrip() in ("---", "..."):
            return i
    return 0


def _check_bounds(text: str, path: str) -> None:
    """Refuse nesting, size and aliases beyond bounds before anything is built."""
    depth = nodes = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        nodes += isinstance(event, yaml.NodeEvent)
        for name, value, limit in (
            ("levels", depth, MAX_DEPTH),
            ("values", nodes, MAX_NODES),
            ("aliases", aliases, MAX_ALIASES),
        ):
            if value > limit:
                raise InputUnreadable(
                    f"the YAML head has more than {limit} {name}",
                    where=f"{path}:{event.start_mark.line + 2 if event.start_mark else 1}",
                    hint="shorten it",
                )


def _unreadable(error: Exception, path: str) -> InputUnreadable:
    """Return one line that says where the head is broken."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 2 if mark else 1
    problem = getattr(error, "problem", None) or str(error) or type(error).__name__
    message = " ".join(clean(str(problem)).split())[:200]
    return InputUnreadable(
        f"the YAML head cannot be read: {message}",
        where=f"{path}:{line}",
        hint="quote the value, or remove the head",
    )


def _plain(value: object, where: str, depth: int) -> Plain:
    """Return a loaded value as plain data, wikilinks replaced by what they show."""
    if depth > MAX_DEPTH:
        raise InputUnreadable("the YAML head refers to itself", where=where, hint="remove aliases")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple, set)):
        return [_plain(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_word(key): _plain(item, where, depth + 1) for key, item in value.items()}
    return _word(value)


def _word(value: object) -> str:
    return show_wikilinks(clean(str(value)))
