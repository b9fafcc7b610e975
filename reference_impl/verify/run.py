"""A verification from options to exit code, for both front doors."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch

from kb.errors import UsageError
from kb.evidence import ClaimEvidence
from reference_impl import registry
from reference_impl.verify import evidence, report
from reference_impl.verify.case import Check
from reference_impl.verify.cases import cases_of
from reference_impl.verify.check_values import values_of
from reference_impl.verify.claims import ClaimPlan, claims_of, method_of_the_day
from reference_impl.verify.peers import why_no_lightly
from reference_impl.verify.stamp import cores

FAILED = 5
"""Exit code when a value is wrong; the command line calls it sick."""


@dataclass(frozen=True)
class Options:
    """What is asked for. Without `methods` all; `rotate` picks one method by the day; without
    `seeds` as many as each claim names.

    `evidence` is where files go: None means the evidence folder of a checkout, and nowhere for
    an installed package.
    """

    methods: tuple[str, ...] = ()
    mode: Literal["values", "claims"] = "values"
    device: str = "cpu"
    seeds: int | None = None
    jobs: int | None = None
    rotate: str | None = None
    evidence: Path | None = None
    write: bool = True
    as_json: bool = False
    seed: int = 0


def verify(options: Options) -> int:
    """Do what is asked, print a table (or JSON) to stdout and progress to stderr.

    Return 0, or FAILED when a value is wrong. A refuted claim is a result and returns 0.
    Raises UsageError for a method or device that does not exist.
    """
    _check_device(options.device)
    methods = _methods(options)
    folder = (options.evidence or evidence.default_folder()) if options.write else None
    if options.write and folder is None:
        _tell("installed package: no evidence is written; --evidence DIR names a folder")
    if options.mode == "claims":
        return _claims(methods, options, folder)
    return _values(methods, options, folder)


def _values(methods: Sequence[str], options: Options, folder: Path | None) -> int:
    if reason := why_no_lightly():
        _tell(f"not compared with lightly: {reason}")
    elif alone := [name for name in methods if not any(case.peer for case in cases_of(name))]:
        _tell(f"lightly has no loss for {', '.join(alone)}")
    checks: list[Check] = []
    started = time.monotonic()
    for number, method in enumerate(methods, 1):
        own = values_of(method, options.device, options.seed)
        checks.extend(own)
        _tell(f"[{number}/{len(methods)}] {method}: {len(own)} checks, {_failed(own)} failed")
        if folder is not None:
            values = evidence.value_evidence(method, own, options.device, options.seed)
            evidence.record_values(values, method, folder)
    failed = _failed(checks)
    seconds = time.monotonic() - started
    if options.as_json:
        _print_json(options, {"checks": [check.to_dict() for check in checks], "failed": failed})
    else:
        _print(report.values_table(checks))
        if failed:
            _print(report.failures(checks))
        _print(f"{len(checks)} checks on {options.device}, {failed} failed, {seconds:.0f} s")
    return FAILED if failed else 0


def _claims(methods: Sequence[str], options: Options, folder: Path | None) -> int:
    jobs = options.jobs or (cores() if options.device == "cpu" else 1)
    plan = ClaimPlan(options.seeds, options.device, jobs)
    found: dict[str, tuple[ClaimEvidence, ...]] = {}
    # Method by method, so that an interrupted verification has written what it had found.
    for number, method in enumerate(methods, 1):
        _tell(f"[{number}/{len(methods)}] {method}")
        found.update(claims_of([method], plan, _tell))
        if folder is not None:
            evidence.record_claims(found[method], method, folder)
    if options.as_json:
        content = {name: [asdict(one) for one in results] for name, results in found.items()}
        _print_json(options, {"claims": content})
    else:
        _print(report.claims_table(found))
    return 0


def _methods(options: Options) -> tuple[str, ...]:
    if options.rotate is not None:
        try:
            return (method_of_the_day(options.rotate),)
        except ValueError as error:
            raise UsageError(
                f'"{options.rotate}" is no day', hint="write today, 2026-11-28 or a number"
            ) from error
    names = options.methods or tuple(sorted(registry.METHODS))
    return tuple(registry.get(name).name for name in names)


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"device {device} cannot be used: {first}") from error


def _failed(checks: Sequence[Check]) -> int:
    return sum(not check.passed for check in checks)


def _print_json(options: Options, content: dict[str, object]) -> None:
    head: dict[str, object] = {"schema": 1, "mode": options.mode, "device": options.device}
    _print(json.dumps(_plain({**head, **content}), indent=2))


def _plain(value: object) -> object:
    """Return JSON types; numbers that JSON lacks become None."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


_print: Callable[[str], None] = print


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
