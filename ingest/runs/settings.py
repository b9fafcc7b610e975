"""Settings of a run, from its files and its log -> kb.run.CONFIG_NAMES.

A setting is taken only where its meaning is certain, and never made up. Where two places
disagree, the closer one counts and that is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ingest.runs.derived import Origin, derive
from ingest.runs.setting_names import METHOD, MODEL, meaning, path_of
from ingest.runs.setting_values import is_method, method_named, numeric, read_value
from kb.run import CONFIG_NAMES, Finding
from kb.types import Scalar


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one place under their dotted names; `where` names the place."""

    where: str
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Config:
    """Values under CONFIG_NAMES; `origins` says which setting each of them was, and where."""

    values: Mapping[str, Scalar]
    origins: Mapping[str, Origin]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One setting read as a config value; the smallest by `order` counts."""

    layer: int
    alias: bool
    depth: int
    value: Scalar
    origin: Origin

    def order(self) -> tuple[int, bool, int, str]:
        return self.layer, self.alias, self.depth, self.origin.setting


def read_config(layers: Sequence[Layer], method: str | None = None) -> Config:
    """Return the config that `layers` hold, the closest layer first.

    `method` is what is known of it otherwise; a setting that names the method comes before it.
    """
    named = _method(layers)
    if named is not None:
        method = str(named.value)
    found: dict[str, list[_Reading]] = {}
    for number, layer in enumerate(layers):
        for name, reading in _readings(number, layer, method):
            found.setdefault(name, []).append(reading)
    if named is not None:
        found["method"] = [named]
    best = {name: min(readings, key=_Reading.order) for name, readings in found.items()}
    findings = [_conflict(name, best[name], found[name]) for name in best]
    values: dict[str, Scalar] = {name: reading.value for name, reading in best.items()}
    origins = {name: reading.origin for name, reading in best.items()}
    if method is not None:
        values.setdefault("method", method)
    for name, derived in derive(values, merged(layers), origins).items():
        if derived is None:
            values.pop(name, None)
            origins.pop(name, None)
        else:
            values[name], origins[name] = derived
    return Config(
        {name: values[name] for name in CONFIG_NAMES if name in values},
        origins,
        tuple(finding for finding in findings if finding is not None),
    )


def merged(layers: Iterable[Layer]) -> dict[str, Scalar]:
    """Return all settings under their own names; of one that stands twice, the closest."""
    every: dict[str, Scalar] = {}
    for layer in layers:
        for name, value in layer.values.items():
            every.setdefault(name, value)
    return every


def _readings(number: int, layer: Layer, method: str | None) -> Iterable[tuple[str, _Reading]]:
    for setting, value in layer.values.items():
        path = path_of(setting)
        if not path:
            continue
        name = meaning(path, numeric(value), method)
        read = None if name is None else read_value(name, value)
        if name is not None and read is not None:
            yield name, _reading(number, layer, setting, name, read)


def _reading(number: int, layer: Layer, setting: str, name: str, value: Scalar) -> _Reading:
    path = path_of(setting)
    return _Reading(number, path[-1] != name, len(path), value, Origin(setting, layer.where))


def _method(layers: Sequence[Layer]) -> _Reading | None:
    """Return the closest setting that names a method."""
    found = []
    for number, layer in enumerate(layers):
        for setting, value in layer.values.items():
            path = path_of(setting)
            if isinstance(value, str) and _names_a_method(path, value):
                named = method_named(value)
                if named is not None:
                    found.append(_reading(number, layer, setting, "method", named))
    return min(found, key=_Reading.order, default=None)


def _names_a_method(path: tuple[str, ...], value: str) -> bool:
    if len(path) > 1 and path[-1] in ("name", "type", "target"):
        path = path[:-1]
    leaf = path[-1] if path else ""
    return leaf in METHOD or (leaf in MODEL and is_method(value))


def _conflict(name: str, best: _Reading, readings: Sequence[_Reading]) -> Finding | None:
    others = [one for one in readings if one.value != best.value]
    if not others:
        return None
    other = min(others, key=_Reading.order)
    return Finding(
        "left out",
        f"{name} is {best.value} by {best.origin}; {other.value} by {other.origin} is left out",
        other.origin.where,
    )
