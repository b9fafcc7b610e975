"""Settings that a user changes: what stands for what, and what errors say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import UsageError
from reference_impl import registry
from reference_impl.augment import policy_set
from reference_impl.method import Recipe
from reference_impl.settings import changed


@dataclass(frozen=True)
class Example:
    """One setting of every kind. `weight` begins as a whole number, and is none."""

    weight: float = 1
    dim: int = 8
    on: bool = True
    clip: float | None = None
    form: Literal["mean", "sum"] = "mean"
    pair: tuple[float, float] = (0.1, 1.0)


def test_a_whole_number_may_stand_for_a_share_and_a_list_for_a_pair() -> None:
    recipe = Recipe("adamw", 0.1, batch_size=4, epochs=1)
    found = changed(recipe, {"base_lr": 1, "betas": [0.8, 1], "grad_clip": 3}, "a recipe")
    assert (found.base_lr, found.betas, found.grad_clip) == (1.0, (0.8, 1.0), 3.0)
    assert [type(one) for one in (found.base_lr, found.betas[1], found.grad_clip)] == [float] * 3


def test_a_share_may_replace_what_began_as_a_whole_number() -> None:
    assert changed(Example(), {"weight": 0.5}, "it").weight == 0.5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dim": 10.0}, "dim is 10.0, expected a whole number, such as 8"),
        ({"dim": True}, "expected a whole number"),
        ({"weight": "much"}, "weight is 'much', expected a number"),
        ({"weight": None}, "weight is None, expected a number"),
        ({"weight": False}, "expected a number"),
        ({"on": 1}, "on is 1, expected true or false"),
        ({"clip": "no"}, "expected a number or nothing"),
        ({"form": "max"}, "form is 'max', expected one of mean, sum"),
        ({"form": ["mean"]}, "expected one of mean, sum"),
        ({"pair": 0.5}, "pair is 0.5, expected 2 values, each a number"),
        ({"pair": [1, 2, 3]}, "expected 2 values"),
        ({"dims": 4}, 'it has no "dims", did you mean "dim"'),
    ],
)
def test_errors_say_what_was_expected(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        changed(Example(), changes, "it")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(asdict(Example()), st.from_type(object))))
def test_whatever_comes_is_taken_with_its_declared_type_or_refused(changes: Any) -> None:
    try:
        found = changed(Example(), changes, "it")
    except UsageError:
        return
    assert type(found.weight) in (float, int)
    assert type(found.dim) is int
    assert type(found.on) is bool
    assert all(type(one) is float for one in found.pair)


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_every_preset_takes_its_own_settings(name: str) -> None:
    """No method declares a type that `changed` does not know, or holds another one."""
    for preset in registry.get(name).presets.values():
        for settings in (preset.config, preset.recipe):
            assert changed(settings, asdict(settings), name) == settings


def test_augmentations_are_read_alike() -> None:
    policies = policy_set("digits", {"crop_area": [0.5, 1]})
    assert {one.crop_area for one in policies.views} == {(0.5, 1.0)}
    with pytest.raises(UsageError, match="crop_area is 'all', expected 2 values"):
        policy_set("digits", {"crop_area": "all"})
    with pytest.raises(UsageError, match='did you mean "crop_area"'):
        policy_set("digits", {"crop_aera": [0.5, 1]})


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_every_claim_changes_settings_that_fit(name: str) -> None:
    entry = registry.get(name)
    preset = entry.preset("small")
    for claim in entry.claims:
        for arm in claim.arms:
            changed(preset.config, arm.config, claim.id)
            changed(preset.recipe, arm.recipe, claim.id)
