"""What the laboratory found about a method, put beside the claims of its document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import fmean

from kb.evidence import (
    ClaimEvidence,
    MethodEvidence,
    ValueEvidence,
    methods_of_document,
    read_method_evidence,
)

_SECTION = re.compile(r"^### .*\bclaims\b.*\bconfirmed or refuted\b.*$", re.MULTILINE | re.I)
_NEXT = re.compile(r"^#{1,3} ", re.MULTILINE)
_ITEM = re.compile(r"^- (?P<names>`[a-z0-9.-]+`.*)$", re.MULTILINE)
_CLAIM = re.compile(r"`([a-z0-9.-]+)`")

_EXPECTED = {"lower": "at most {0:g}", "higher": "at least {0:g}", "same": "1 within {0:g}"}


def evidence_of_document(stem: str) -> tuple[MethodEvidence, ...]:
    """Return what is recorded about the methods of the document `stem`, such as moco or w-mse."""
    found = (read_method_evidence(method) for method in methods_of_document(stem))
    return tuple(one for one in found if one is not None)


def with_evidence(markdown: str, evidence: Sequence[MethodEvidence]) -> str:
    """Return a method document with outcome, interval and seeds below each claim it lists.

    Below the claims stand those that the document does not list, and what was checked of the
    losses. A document without such a section, or a method without evidence, stays as it is.
    """
    heading = _SECTION.search(markdown)
    if heading is None or not evidence:
        return markdown
    after = _NEXT.search(markdown, heading.end())
    end = after.start() if after else len(markdown)
    section = _section(markdown[heading.end() : end], evidence)
    return f"{markdown[: heading.end()]}{section}\n\n{markdown[end:]}".rstrip() + "\n"


def _section(text: str, evidence: Sequence[MethodEvidence]) -> str:
    by_id: dict[str, list[ClaimEvidence]] = {}
    for method in evidence:
        for claim in method.claims:
            by_id.setdefault(claim.id, []).append(claim)
    listed: set[str] = set()

    def filled(item: re.Match[str]) -> str:
        named = [name for name in _CLAIM.findall(item["names"]) if name in by_id]
        listed.update(named)
        lines = [outcome(one, named=len(named) > 1) for name in named for one in by_id[name]]
        if not lines:
            return item[0]
        return "\n".join([item[0], *(f"  - {line}" for line in lines)])

    parts = [_ITEM.sub(filled, text.rstrip())]
    for name, results in by_id.items():
        if name not in listed:
            parts.append(f"\n- `{name}`: {results[0].text}")
            parts.extend(f"\n  - {outcome(one)}" for one in results)
    parts.extend(f"\n\n{_checked(one, method)}" for method in evidence for one in method.values)
    return "".join(parts)


def outcome(claim: ClaimEvidence, *, named: bool = False) -> str:
    """Return one line: what came out, by how much, over which seeds, and whether it still holds
    for the code as it is. `named` puts the claim's id before it."""
    seeds = f"seeds {', '.join(str(seed) for seed in claim.seeds)}"
    where = f"{seeds}, {claim.stamp.device}, {claim.stamp.date}"
    if claim.stamp.is_stale():
        where += "; stale: the code has changed since"
    name = f"`{claim.id}` " if named else ""
    if claim.ratio is None or claim.low is None or claim.high is None:
        return f"{name}**{claim.outcome}**: {claim.note or 'no interval'} ({where})."
    expected = _EXPECTED.get(claim.expect, "{0:g}").format(claim.margin)
    return (
        f"{name}**{claim.outcome}**: {_levels(claim)}: {claim.ratio:.3g} times, 95% interval"
        f" {claim.low:.3g} to {claim.high:.3g}, claimed {expected}"
        f"{f'; {claim.note}' if claim.note else ''} ({where})."
    )


def _levels(claim: ClaimEvidence) -> str:
    """Return the measure's mean in both arms and before training: a ratio hides both."""
    first, second = claim.means
    before = f"; {fmean(claim.untrained):.3g} untrained" if claim.untrained else ""
    return (
        f'{claim.measure} is {second:.3g} with "{claim.arms[1]}" and {first:.3g} with'
        f' "{claim.arms[0]}"{before}'
    )


def _checked(values: ValueEvidence, method: MethodEvidence) -> str:
    counts = [count for loss in values.losses for count in loss.checks.values()]
    failed = sum(count.failed for count in counts)
    how_many = f"{sum(count.count for count in counts)} checks of the losses"
    stale = "; stale: the code has changed since" if values.stamp.is_stale() else ""
    versions = f"torch {values.stamp.versions.get('torch', 'unknown')}"
    return (
        f"Values of {method.method}: {how_many} on {values.stamp.device},"
        f" {failed or 'none'} failed ({versions}, {values.stamp.date}{stale})."
    )
