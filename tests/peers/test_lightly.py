"""Our losses and lightly's give one value and one gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference_impl.registry import METHODS
from reference_impl.verify.case import Case
from reference_impl.verify.cases import cases_of
from reference_impl.verify.identities import peer_checks
from reference_impl.verify.run import Options, verify

pytestmark = pytest.mark.usefixtures("lightly")

CASES = [case for method in sorted(METHODS) for case in cases_of(method) if case.peer]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.method}: {case.name}" for case in CASES])
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_agree(case: Case, seed: int) -> None:
    checks = list(peer_checks(case, np.random.default_rng(seed), "cpu"))
    assert checks
    assert [str(check) for check in checks if not check.passed] == []


def test_every_method_that_lightly_has_is_compared() -> None:
    with_peer = {case.method for case in CASES}
    without = {"clip", "i_jepa", "moco_v3", "siglip"}
    assert with_peer == set(METHODS) - without


def test_a_difference_is_noticed() -> None:
    case = next(case for case in CASES if case.method == "vicreg")
    broken = replace(case, ours=lambda tensors: 1.001 * case.ours(tensors))
    checks = list(peer_checks(broken, np.random.default_rng(0), "cpu"))
    assert {check.detail for check in checks if not check.passed} >= {"value"}


def test_verify_says_what_lightly_has_no_loss_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(Options(methods=("clip", "siglip"), write=False)) == 0
    assert "lightly has no loss for clip, siglip" in capsys.readouterr().err
