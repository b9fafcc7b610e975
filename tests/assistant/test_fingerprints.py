"""Claims: each method's closed forms come with values of the formula itself at usual settings."""

from __future__ import annotations

import math

import pytest

from assistant.fingerprints import MOST, fingerprints, methods_with_forms
from assistant.knowledge import Knowledge
from assistant.methods import methods
from kb.closed_forms import form
from kb.errors import UsageError


def test_simclr_at_chance_is_ln_of_two_b_minus_one() -> None:
    first = fingerprints("SimCLR")[0]
    assert (first.loss, first.quantity, first.varied) == ("nt_xent", "chance", "batch_size")
    assert [value.setting for value in first.values][:2] == [32, 64]
    assert first.values[0].loss == pytest.approx(math.log(63))
    assert first.said.startswith("batch_size 32: 4.143, 64: 4.844")


def test_a_constant_has_one_value_and_no_setting() -> None:
    (collapse,) = [one for one in fingerprints("simsiam") if one.quantity == "collapse"]
    assert (collapse.varied, collapse.said) == ("", "-1")


def test_what_is_held_is_said_and_wide_losses_are_shown_wide() -> None:
    (floor,) = [
        one for one in fingerprints("vicreg") if (one.loss, one.quantity) == ("vicreg", "floor")
    ]
    assert floor.held == {"dim": 8192, "lambda_cov": 1.0}
    assert "(dim 8192, lambda_cov 1)" in floor.said


@pytest.mark.parametrize("method", methods_with_forms())
def test_every_value_is_that_of_the_closed_form(method: str) -> None:
    lines = fingerprints(method)
    assert lines
    for one in lines:
        assert len(one.values) <= MOST
        for value in one.values:
            config = dict(one.held) | ({one.varied: value.setting} if one.varied else {})
            assert value.loss == form(one.loss, one.quantity).value(**config)
            assert math.isfinite(value.loss)


def test_punctuation_of_a_method_does_not_matter_and_another_name_is_explained() -> None:
    assert fingerprints("I-JEPA") == fingerprints("ijepa")
    with pytest.raises(UsageError, match='did you mean "simclr"'):
        fingerprints("simcrl")


def test_methods_with_a_document_come_first_and_each_is_listed_once() -> None:
    found = methods(Knowledge.open())
    assert {one.name: one.document for one in found}["vicreg"] == "methods/vicreg"
    assert found[0].document
    assert len({one.name for one in found}) == len(found)
    kinds = [(not one.document, not one.has_values) for one in found]
    assert kinds == sorted(kinds)
