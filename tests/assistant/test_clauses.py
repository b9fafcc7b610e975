"""Clauses that held, as sentences: the number first, then what it was held against."""

from __future__ import annotations

import pytest
from small_runs import run_of

from assistant.clauses import said
from kb.signature import evaluate, parse

LEVEL = [1.0, 1.0] * 16


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        (
            "abs(loss.slope) < 0.0005",
            "The trend of loss in the second half is 0, within 0.0005 of 0.",
        ),
        ("abs(loss.last) >= 0.5", "The last loss is 1, 0.5 or more from 0."),
        ("abs(loss.last) > 0.5", "The last loss is 1, more than 0.5 from 0."),
        ("abs(loss.last) <= 2", "The last loss is 1, within 2 of 0."),
        ("loss.last > 0.5", "The last loss is 1, above 0.5."),
        ("abs(loss.last - 1) < 2", "Abs(the last loss - 1) is 0, below 2 (the last loss 1)."),
    ],
)
def test_a_clause_is_said_with_its_number(signature: str, sentence: str) -> None:
    verdict = evaluate(parse(signature), run_of(loss=LEVEL))
    (clause,) = verdict.clauses
    assert clause.state == "fired"
    assert said(clause) == sentence


def test_a_term_of_the_loss_keeps_its_name_and_a_negative_limit_stands_once() -> None:
    verdict = evaluate(parse("term__var.slope > -0.05"), run_of(term__var=LEVEL))
    (clause,) = verdict.clauses
    assert said(clause) == "The trend of term/var in the second half is 0, above -0.05."
    verdict = evaluate(parse("abs(term__var.last - 1) < 2"), run_of(term__var=LEVEL))
    (clause,) = verdict.clauses
    assert said(clause) == "Abs(the last term/var - 1) is 0, below 2 (the last term/var 1)."
