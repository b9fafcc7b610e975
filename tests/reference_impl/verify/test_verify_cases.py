"""Every loss of every method passes its checks, and no method is left out."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest

from reference_impl import registry
from reference_impl.registry import METHODS
from reference_impl.verify.case import Case, Known, Relation
from reference_impl.verify.cases import cases_of
from reference_impl.verify.check_values import check_case, values_of

CASES = [case for method in sorted(METHODS) for case in cases_of(method)]
IDS = [f"{case.method}: {case.name}" for case in CASES]


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave lightly to tests/peers: importing it takes seconds."""
    monkeypatch.setattr(
        "reference_impl.verify.check_values.why_no_lightly", lambda: "not in this test"
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_check_of_a_method_passes(method: str) -> None:
    # A seed of its own: the command's checks are not all that there is.
    checks = values_of(method, seed=20261128)
    assert [str(check) for check in checks if not check.passed] == []
    kinds = {check.kind for check in checks}
    assert {"value float64", "value float32", "gradient float64", "fp16", "bf16"} <= kinds


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_case_is_well_formed(case: Case) -> None:
    arrays = case.draws[0](np.random.default_rng(0))
    assert set(case.moving) | set(case.stopped) <= set(arrays)
    assert not set(case.moving) & set(case.stopped)
    assert case.source
    for known in case.known:
        assert set(known.inputs(np.random.default_rng(0))) == set(arrays), known.name


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_convention_of_a_method_has_a_case(method: str) -> None:
    """A convention that no case names would be one that nothing checks."""
    config = type(registry.get(method).preset("small").config)
    source = Path(import_module(f"reference_impl.verify.cases.{method}").__file__ or "").read_text()
    declared = get_type_hints(config).get("convention")
    assert [one for one in get_args(declared) if f'"{one}"' not in source] == []


def test_names_of_losses_are_unique() -> None:
    assert len(set(IDS)) == len(IDS)


def test_the_same_seed_gives_the_same_checks() -> None:
    case = cases_of("simclr")[0]
    assert check_case(case, seed=3) == check_case(case, seed=3)
    assert check_case(case, seed=3) != check_case(case, seed=4)


def test_a_loss_that_raises_is_a_failed_check_with_its_message() -> None:
    def broken(_: object) -> None:
        raise RuntimeError("out of ideas\nand more")

    checks = check_case(replace(cases_of("vicreg")[0], ours=broken))
    assert all(not check.passed for check in checks)
    assert {check.note for check in checks} == {"RuntimeError: out of ideas"}


def test_a_wrong_known_value_and_a_wrong_relation_fail() -> None:
    case = cases_of("vicreg")[0]
    wrong = Known("collapse", case.known[0].inputs, 25.0)
    moved = Relation("not ignored", lambda arrays, _: {**arrays, "first": arrays["first"] + 1.0})
    blind = Relation("not noticed", lambda arrays, _: arrays, same=False)
    checks = check_case(replace(case, known=(wrong,), relations=(moved, blind)))
    failed = {check.detail for check in checks if not check.passed}
    assert failed == {"collapse", "not ignored", "not noticed"}


def test_a_gradient_where_there_must_be_none_fails() -> None:
    case = cases_of("vicreg")[0]
    draw = case.draws[0]
    value = case.truth(draw(np.random.default_rng(0)))
    still = Known("still", lambda _: draw(np.random.default_rng(0)), value, still=True)
    checks = check_case(replace(case, known=(still,)))
    assert {check.detail for check in checks if not check.passed} == {"still: gradient"}
