"""Settings that a user changes: known by name, and of the type that their dataclass declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from kb.errors import UsageError, nearest

_NAMED = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def changed(settings: Any, changes: Mapping[str, object], of: str) -> Any:
    """Return the dataclass `settings` with `changes` made; `of` names it in errors.

    A whole number may stand for a float and a list for a tuple, each made what is declared; no
    float stands for a whole number, not even 10.0. UsageError for anything else.
    """
    known = {one.name for one in fields(settings)}
    if unknown := sorted(set(changes) - known):
        raise UsageError(
            f'{of} has no "{unknown[0]}"{nearest(unknown[0], known)}',
            hint=f"it has {', '.join(sorted(known))}",
        )
    declared = get_type_hints(type(settings))
    made = {}
    for name, value in changes.items():
        try:
            made[name] = _as(declared[name], value)
        except TypeError:
            wanted = f"{_described(declared[name])}, such as {getattr(settings, name)!r}"
            raise UsageError(f"{name} is {value!r}, expected {wanted}", where=of) from None
    return replace(settings, **made)


def _as(kind: Any, value: object) -> object:
    """Return `value` as a declared type has it; TypeError if it is none of that type's."""
    if _is_union(kind):
        return None if value is None else _as(_without_none(kind), value)
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise TypeError
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and len(value) == len(get_args(kind)):
            return tuple(_as(one, part) for one, part in zip(get_args(kind), value, strict=True))
        raise TypeError
    if kind is float and type(value) is int:
        return float(value)
    # bool is an int to isinstance, and no count of anything.
    if type(value) is not kind:
        raise TypeError
    return value


def _described(kind: Any) -> str:
    """Return what a declared type takes, in words."""
    if _is_union(kind):
        return f"{_described(_without_none(kind))} or nothing"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(one) for one in get_args(kind))
    if get_origin(kind) is tuple:
        return f"{len(get_args(kind))} values, each {_described(get_args(kind)[0])}"
    return _NAMED[kind]


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _without_none(kind: Any) -> Any:
    (inner,) = (one for one in get_args(kind) if one is not NoneType)
    return inner
