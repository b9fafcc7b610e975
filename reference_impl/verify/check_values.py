"""Every check of every loss of a method, in order."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from reference_impl.verify.case import Case, Check, Generator, crashed
from reference_impl.verify.cases import cases_of
from reference_impl.verify.identities import known_checks, peer_checks, relation_checks
from reference_impl.verify.peers import why_no_lightly
from reference_impl.verify.precision import precision_checks
from reference_impl.verify.values import gradient_checks, value_checks

_Checker = Callable[[Case, Generator, str], Iterator[Check]]

_CHECKERS: tuple[tuple[str, _Checker], ...] = (
    ("value", value_checks),
    ("gradient", gradient_checks),
    ("peer", peer_checks),
    ("known value", known_checks),
    ("relation", relation_checks),
    ("half precision", precision_checks),
)


def values_of(method: str, device: str = "cpu", seed: int = 0) -> list[Check]:
    """Return all checks of a method's losses; what raises is a failed check, not an error."""
    return [check for case in cases_of(method) for check in check_case(case, device, seed)]


def check_case(case: Case, device: str = "cpu", seed: int = 0) -> list[Check]:
    """Return all checks of one loss. The same seed gives the same inputs whatever else runs."""
    found: list[Check] = []
    for kind, checker in _CHECKERS:
        if kind == "peer" and why_no_lightly():
            continue
        own = zlib.crc32(f"{case.method} {case.name} {kind}".encode())
        try:
            found.extend(checker(case, np.random.default_rng([seed, own]), device))
        except Exception as error:
            found.append(crashed(case, kind, "", error))
    return found
