"""Claims: fixes keep the author's order, rules are worked out, what a run has already goes last."""

from __future__ import annotations

import pytest

from assistant.answer import RankedFix
from assistant.fixes import ranked_fixes
from kb.run import Run, Series
from kb.types import Entry, Fix, Scalar


def entry_with(*fixes: Fix) -> Entry:
    return Entry("family/name", "A title", "family", "bundled", "documented", fixes=fixes)


def ranked(fix: Fix, run: Run | None) -> RankedFix:
    (only,) = ranked_fixes(entry_with(fix), run)
    return only


def run_with(config: dict[str, Scalar], **metrics: float) -> Run:
    return Run(config, {name: Series.from_values(name, value) for name, value in metrics.items()})


def test_ids_are_global_and_the_order_is_the_authors() -> None:
    fixes = [Fix("b", "B", "", "restart"), Fix("a", "A", "", "live")]
    assert [fix.id for fix in ranked_fixes(entry_with(*fixes), None)] == [
        "family/name#b",
        "family/name#a",
    ]


def test_a_rule_is_worked_out_with_the_config() -> None:
    fix = Fix("x", "X", "", "restart", {"lr": "= lr / 10"})
    assert ranked(fix, Run({"lr": 0.3})).change == {"lr": 0.03}


def test_a_rule_over_several_settings_is_worked_out() -> None:
    fix = Fix("x", "X", "", "restart", {"lr": "= lr * batch_size * world_size / 256"})
    assert ranked(fix, Run({"lr": 0.1, "batch_size": 64, "world_size": 8})).change == {"lr": 0.2}


@pytest.mark.parametrize("run", [None, Run({}), Run({"batch_size": 32})])
def test_a_rule_stays_words_without_its_setting(run: Run | None) -> None:
    fix = Fix("x", "X", "", "restart", {"lr": "= lr / 10"})
    assert ranked(fix, run).change == {"lr": "lr / 10"}


def test_a_plain_value_stays() -> None:
    fix = Fix("x", "X", "", "resume", {"precision": "bf16", "lambda_var": 25})
    assert ranked(fix, Run({"lr": 1})).change == {"precision": "bf16", "lambda_var": 25}


@pytest.mark.parametrize(
    ("config", "applied"),
    [({"precision": "bf16"}, True), ({"precision": "fp16"}, False), ({}, None)],
)
def test_a_change_is_in_place_when_the_config_has_it(
    config: dict[str, Scalar], applied: bool | None
) -> None:
    fix = Fix("x", "X", "", "resume", {"precision": "bf16"})
    assert ranked(fix, Run(config)).already_applied is applied


@pytest.mark.parametrize(("z_std", "applied"), [(0.9, True), (0.001, False), (None, None)])
def test_unless_says_whether_it_is_in_place(z_std: float | None, applied: bool | None) -> None:
    fix = Fix("x", "X", "", "code", unless="z_std.last > 0.5")
    run = run_with({}, z_std=z_std) if z_std is not None else Run({"lr": 1})
    assert ranked(fix, run).already_applied is applied


def test_a_setting_that_is_there_already_outweighs_a_silent_unless() -> None:
    fix = Fix("x", "X", "", "resume", {"precision": "bf16"}, unless="z_std.last > 0.5")
    assert ranked(fix, run_with({"precision": "bf16"}, z_std=0.001)).already_applied is True


def test_without_a_run_nothing_is_known() -> None:
    fix = Fix("x", "X", "", "resume", {"precision": "bf16"}, unless="z_std.last > 0.5")
    assert ranked(fix, None).already_applied is None


def test_what_the_run_has_goes_last_and_the_rest_keeps_its_order() -> None:
    fixes = [
        Fix("have", "Have", "", "resume", {"precision": "bf16"}),
        Fix("second", "Second", "", "code"),
        Fix("third", "Third", "", "live"),
    ]
    ordered = ranked_fixes(entry_with(*fixes), Run({"precision": "bf16"}))
    assert [fix.title for fix in ordered] == ["Second", "Third", "Have"]
