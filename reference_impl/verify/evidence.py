"""Writes what was found about a method: kb/evidence/methods/<method>.json."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kb.code_hash import ROOT
from kb.evidence import (
    METHOD_EVIDENCE,
    CheckCount,
    ClaimEvidence,
    LossEvidence,
    MethodEvidence,
    ValueEvidence,
    read_method_evidence,
)
from reference_impl.files import write_atomically
from reference_impl.verify.case import Check
from reference_impl.verify.cases import cases_of
from reference_impl.verify.code_files import files_of_values
from reference_impl.verify.peers import why_no_lightly
from reference_impl.verify.stamp import stamp


def default_folder() -> Path | None:
    """Return the evidence folder of a checkout; None for an installed package, whose files are
    not ours to change."""
    return METHOD_EVIDENCE if (ROOT / "pyproject.toml").is_file() else None


def value_evidence(method: str, checks: Sequence[Check], device: str, seed: int) -> ValueEvidence:
    """Return a method's checks as evidence, counted by loss and kind."""
    losses = tuple(
        LossEvidence(case.name, case.source, _counts([c for c in checks if c.loss == case.name]))
        for case in cases_of(method)
    )
    reason = why_no_lightly()
    skipped = (f"comparison with lightly: {reason}",) if reason else ()
    return ValueEvidence(stamp(device, files_of_values(method)), seed, losses, skipped)


def _counts(checks: Sequence[Check]) -> dict[str, CheckCount]:
    kinds = dict.fromkeys(check.kind for check in checks)
    return {kind: _count([check for check in checks if check.kind == kind]) for kind in kinds}


def _count(checks: Sequence[Check]) -> CheckCount:
    errors = [check.error for check in checks if math.isfinite(check.error)]
    # Two digits: the rest is rounding that differs between machines.
    worst = float(f"{max(errors):.1e}") if errors else None
    return CheckCount(len(checks), sum(not check.passed for check in checks), worst)


def record_values(values: ValueEvidence, method: str, folder: Path) -> bool:
    """Put `values` in the method's file; return whether the file changed.

    What stands there for the same device and code with the same outcome is left as it is, so
    that repeating a check does not touch the file; so is what compared with more libraries.
    """
    known = read_method_evidence(method, folder) or MethodEvidence(method)
    others = [one for one in known.values if one.stamp.device != values.stamp.device]
    same = [one for one in known.values if one.stamp.device == values.stamp.device]
    if same and _repeats(values, same[0]):
        return False
    ordered = sorted([*others, values], key=lambda one: one.stamp.device)
    _write(replace(known, values=tuple(ordered)), folder)
    return True


def _repeats(new: ValueEvidence, old: ValueEvidence) -> bool:
    def outcome(one: ValueEvidence) -> object:
        return one.stamp.code_hash, [(loss.loss, loss.failed) for loss in one.losses]

    return outcome(new) == outcome(old) and len(new.skipped) >= len(old.skipped)


def record_claims(claims: Sequence[ClaimEvidence], method: str, folder: Path) -> None:
    """Put the claims in the method's file, replacing those of the same name and device; claims
    that the method no longer makes are dropped."""
    known = read_method_evidence(method, folder) or MethodEvidence(method)
    current = {claim.id for claim in claims}
    replaced = {(claim.id, claim.stamp.device) for claim in claims}
    kept = [
        one
        for one in known.claims
        if one.id in current and (one.id, one.stamp.device) not in replaced
    ]
    _write(replace(known, claims=(*claims, *kept)), folder)


def _write(evidence: MethodEvidence, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evidence.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)
    write_atomically(folder / f"{evidence.method}.json", f"{text}\n".encode())
