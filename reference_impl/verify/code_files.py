"""Which source files a result hangs on, found through their imports."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from kb.code_hash import ROOT

_PROTOCOL = "reference_impl.verify.protocol"
_CHECKING = ("values", "identities", "precision")
_LOSSES = ("reference_impl.methods.", "reference_impl.losses", "reference_impl.kernels")
_PARTS = (*_LOSSES, "reference_impl.heads", "reference_impl.masks", "reference_impl.prototypes")
_TRAINING = "reference_impl."


def files_of_claims(method: str) -> tuple[str, ...]:
    """Return the protocol, the method, its losses, heads and masks: what a claim's result says
    something about."""
    return reached((_PROTOCOL, f"reference_impl.methods.{method}"), (_PROTOCOL, *_PARTS))


def files_of_values(method: str) -> tuple[str, ...]:
    """Return the method, its losses, its cases and their transcriptions, and the checks."""
    checks = tuple(f"reference_impl.verify.{name}" for name in _CHECKING)
    cases = f"reference_impl.verify.cases.{method}"
    within = (*_LOSSES, *checks, cases, "reference_impl.verify.transcriptions")
    return reached((cases, *checks), within)


def files_of_training(method: str) -> tuple[str, ...]:
    """Return everything that a training of the method runs, data and optimiser included: a
    cached run counts only while none of it has changed."""
    starts = ("reference_impl.train", f"reference_impl.methods.{method}")
    return reached(starts, (_TRAINING,), without=("reference_impl.registry",))


def reached(
    starts: Sequence[str], within: Sequence[str], without: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the files of modules reached from `starts` by imports, of those whose name begins
    with one of `within`; sorted, relative to the folder that holds the packages."""
    found: dict[str, str] = {}
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        path = _path(module)
        if module in found or path is None or module in without:
            continue
        found[module] = path.relative_to(ROOT).as_posix()
        waiting.extend(name for name in _imports(path) if name.startswith(tuple(within)))
    return tuple(sorted(found.values()))


def _path(module: str) -> Path | None:
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Return the modules that a file imports, inside functions too; `from a import b` may name a
    module b."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
            names.extend(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(names)
