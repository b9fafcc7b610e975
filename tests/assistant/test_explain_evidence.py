"""Outcomes beside the claims of a method document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.explain import page_of
from assistant.method_evidence import evidence_of_document, outcome, with_evidence
from kb.evidence import (
    CheckCount,
    ClaimEvidence,
    LossEvidence,
    MethodEvidence,
    Stamp,
    ValueEvidence,
)

DOCUMENT = """# Method

## What our own runs say about it

### Claims our runs confirmed or refuted: Method

How they were tested.

- `it-collapses`: without the term it collapses.
- `a-helps` and `b-helps`: both help.
- `untested`: nobody looked.

### Something else

- `it-collapses` is named here too.

## References
"""
STAMP = Stamp("cpu", "a machine", {"torch": "2.13.0"}, "2026-11-28", "0" * 16, ("kb/gone.py",))


def claim(name: str, **changes: object) -> ClaimEvidence:
    base = ClaimEvidence(
        id=name,
        text=f"The claim {name}.",
        source="a paper",
        measure="z_std",
        expect="lower",
        margin=0.5,
        arms=("with", "without"),
        settings={},
        seeds=(0, 1, 2),
        first=(1.0, 1.0, 1.0),
        second=(0.01, 0.01, 0.01),
        ratio=0.0123,
        low=0.01,
        high=0.015,
        outcome="confirmed",
        entries=(),
        stamp=STAMP,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def evidence(*claims: ClaimEvidence) -> MethodEvidence:
    losses = (LossEvidence("a loss", "a paper", {"value": CheckCount(7, 0, 0.0)}),)
    return MethodEvidence("method", (ValueEvidence(STAMP, 0, losses),), claims)


def test_each_claim_gets_outcome_interval_and_seeds() -> None:
    claims = (
        claim("it-collapses"),
        claim("a-helps", outcome="refuted"),
        claim("b-helps", outcome="undecided", ratio=None, note="an arm gave nothing"),
    )
    lines = with_evidence(DOCUMENT, [evidence(*claims)]).split("\n")
    at = lines.index("- `it-collapses`: without the term it collapses.")
    assert lines[at + 1] == (
        '  - **confirmed**: z_std is 0.01 with "without" and 1 with "with": 0.0123 times, 95%'
        " interval 0.01 to 0.015, claimed at most 0.5 (seeds 0, 1, 2, cpu, 2026-11-28;"
        " stale: the code has changed since)."
    )
    at = lines.index("- `a-helps` and `b-helps`: both help.")
    assert lines[at + 1].startswith("  - `a-helps` **refuted**: z_std")
    assert lines[at + 2].startswith("  - `b-helps` **undecided**: an arm gave nothing (seeds")
    at = lines.index("- `untested`: nobody looked.")
    assert lines[at + 1 : at + 3] == [
        "",
        "Values of method: 7 checks of the losses on cpu, none failed"
        " (torch 2.13.0, 2026-11-28; stale: the code has changed since).",
    ]
    assert lines.count("- `it-collapses` is named here too.") == 1


def test_an_accuracy_stands_beside_that_of_the_untrained_encoder() -> None:
    line = outcome(
        claim("x", measure="knn_acc", first=(0.9, 0.8), second=(0.7, None), untrained=(0.72, 0.74))
    )
    assert 'knn_acc is 0.7 with "without" and 0.85 with "with"; 0.73 untrained:' in line


def test_a_claim_that_the_document_does_not_list_is_added() -> None:
    text = with_evidence(DOCUMENT, [evidence(claim("new-one"))])
    before, _, after = text.partition("- `new-one`: The claim new-one.\n  - **confirmed**: z_std")
    assert before.endswith("nobody looked.\n")
    assert "### Something else" in after


def test_nothing_changes_without_evidence_or_without_the_section() -> None:
    assert with_evidence(DOCUMENT, []) == DOCUMENT
    assert with_evidence("# Other\n\n- `it-collapses`\n", [evidence(claim("it-collapses"))]) == (
        "# Other\n\n- `it-collapses`\n"
    )


@pytest.mark.parametrize(
    ("expect", "margin", "words"),
    [("lower", 0.5, "at most 0.5"), ("higher", 2.0, "at least 2"), ("same", 0.05, "1 within 0.05")],
)
def test_what_was_claimed_is_said(expect: str, margin: float, words: str) -> None:
    assert f"claimed {words} (" in outcome(claim("c", expect=expect, margin=margin))


def test_the_page_of_a_method_carries_its_evidence() -> None:
    recorded = evidence_of_document("vicreg")
    page = page_of("vicreg")
    assert page.evidence == recorded
    assert recorded
    assert "Values of vicreg: " in page.markdown
    assert page.to_dict()["evidence"] == [one.to_dict() for one in recorded]
