"""The tables at the end of a verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from kb.evidence import ClaimEvidence
from reference_impl.verify.case import Check

_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("float64", ("value float64",)),
    ("float32", ("value float32",)),
    ("grad 64", ("gradient float64", "stop-gradient")),
    ("grad 32", ("gradient float32",)),
    ("lightly", ("lightly float64", "lightly float32")),
    ("known", ("known value",)),
    ("relations", ("relation",)),
    ("fp16", ("fp16",)),
    ("bf16", ("bf16",)),
)
"""Column heads and the kinds of checks below them."""

_COUNTED = ("known", "relations")
"""Columns that show how many held; the others show the largest error."""


def values_table(checks: Sequence[Check]) -> str:
    """Return a row per loss: the largest error of each kind, or how many checks failed."""
    rows = [("method", "loss", *(head for head, _ in _COLUMNS))]
    for method, loss in dict.fromkeys((check.method, check.loss) for check in checks):
        own = [check for check in checks if (check.method, check.loss) == (method, loss)]
        cells = [_cell(head, [c for c in own if c.kind in kinds]) for head, kinds in _COLUMNS]
        crashes = [c for c in own if not any(c.kind in kinds for _, kinds in _COLUMNS)]
        rows.append((method, loss, *cells, *(["CRASHED"] if crashes else [])))
    return _aligned(rows)


def _cell(head: str, checks: Sequence[Check]) -> str:
    if not checks:
        return "-"
    failed = sum(not check.passed for check in checks)
    if failed:
        return f"FAIL {failed}/{len(checks)}"
    if head in _COUNTED:
        return f"{len(checks)} ok"
    return f"{max(check.error for check in checks):.0e}"


def failures(checks: Sequence[Check]) -> str:
    """Return a line per failed check with both numbers."""
    lines = []
    for check in checks:
        if not check.passed:
            numbers = f"found {check.found:.9g}, expected {check.expected:.9g}"
            what = check.note or f"{numbers} (error {check.error:.2g} > {check.tolerance:g})"
            name = ", ".join(part for part in (check.kind, check.detail) if part)
            lines.append(f"FAILED {check.method}, {check.loss}: {name}: {what}")
    return "\n".join(lines)


_CLAIM_COLUMNS: tuple[str, ...] = (
    *("method", "outcome", "claim", "measure", "first", "second", "untrained"),
    *("expected", "ratio", "95% interval", "seeds"),
)


def claims_table(claims: Mapping[str, Sequence[ClaimEvidence]]) -> str:
    """Return a row per claim: outcome, the measure's mean in both arms, ratio and interval."""
    rows = [_CLAIM_COLUMNS]
    for method, results in claims.items():
        for one in results:
            margin = f"+-{one.margin:g}" if one.expect == "same" else f"{one.margin:g}"
            rows.append(
                (
                    method,
                    one.outcome,
                    one.id,
                    one.measure,
                    *(f"{mean:.3g}" for mean in one.means),
                    f"{fmean(one.untrained):.3g}" if one.untrained else "-",
                    f"{one.expect} {margin}",
                    _number(one.ratio),
                    f"{_number(one.low)} to {_number(one.high)}" if one.ratio else one.note,
                    str(len(one.seeds)),
                )
            )
    return _aligned(rows)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    count = max(len(row) for row in rows)
    full = [(*row, *[""] * (count - len(row))) for row in rows]
    widths = [max(len(row[place]) for row in full) for place in range(count)]
    lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in full)
    return "\n".join(line.rstrip() for line in lines)
