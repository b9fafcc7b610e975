"""Reading a logged constant: what comes first, what is only a candidate, and how sure."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.closed_forms import form, forms
from kb.closed_forms.explain import Explanation, explain_value
from kb.run import CONFIG_NAMES
from kb.types import Scalar


def _names(found: tuple[Explanation, ...]) -> list[str]:
    return [one.form.name for one in found]


def _only(found: tuple[Explanation, ...], name: str, quantity: str = "chance") -> Explanation:
    one, *_ = [e for e in found if e.form.name == name and e.form.quantity == quantity]
    return one


def test_4_14_alone_is_a_candidate_with_rivals_behind() -> None:
    first, *rivals = explain_value(4.14, 0.005, {})
    assert (first.form.name, first.form.quantity) == ("nt_xent", "chance")
    assert first.parameters == {"batch_size": 32}
    assert first.expected == pytest.approx(math.log(63))
    assert (first.claim, first.source_of_parameters) == ("candidate", "round values")
    assert 0.005 < first.coincidence < 0.05
    assert rivals


def test_equal_quantities_of_a_loss_are_told_together() -> None:
    first, *_ = explain_value(4.14, 0.005, {})
    assert [(one.name, one.quantity) for one in first.also] == [("nt_xent", "collapse")]
    byol = [one for one in explain_value(0.0, 1e-6, {}) if one.form.loss == "byol"]
    assert len(byol) == 1
    assert form("byol", "floor") in byol[0].also


def test_11_09_lists_dino_and_moco_first() -> None:
    found = explain_value(11.09, 0.005, {})
    assert set(_names(found)[:2]) == {"dino", "moco"}
    assert _only(found, "dino").parameters == {"prototypes": 65536}
    assert _only(found, "moco").parameters == {"queue_size": 65536}
    assert _only(found, "moco").expected == pytest.approx(math.log(65537))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (8.318, {"dino", "moco", "nt_xent", "info_nce"}),
        (9.011, {"dino", "nt_xent", "token_prediction"}),
        (6.931, {"nt_xent", "info_nce"}),
        (0.6931, {"bce", "nt_xent.unmasked_cold", "cross_entropy"}),
        (8.006, {"swav"}),
        (24.75, {"vicreg"}),
        (49.5, {"vicreg.sum2", "nt_xent.supcon"}),
        (33.271, {"moco_v3"}),
        (-1.0, {"simsiam"}),
        (4.6151, {"wav2vec2"}),
    ],
)
def test_known_collisions_are_all_listed(value: float, expected: set[str]) -> None:
    assert expected <= set(_names(explain_value(value, 0.005, {})))


@pytest.mark.parametrize("value", [3.3, 4.9, 7.77, 10.7])
def test_a_value_alone_matches_nothing(value: float) -> None:
    assert all(one.claim == "candidate" for one in explain_value(value, 0.005, {}))


def test_config_makes_a_match_and_lowers_the_coincidence() -> None:
    first, *_ = explain_value(4.143, 0.005, {"batch_size": 32, "method": "SimCLR"})
    assert (first.claim, first.source_of_parameters) == ("matched", "config")
    assert first.form.name == "nt_xent"
    assert first.coincidence < 0.002
    (guess, *_) = explain_value(4.143, 0.005, {})
    assert first.coincidence < guess.coincidence / 5


def test_a_parameter_that_the_user_typed_is_from_the_query() -> None:
    first, *_ = explain_value(4.143, 0.005, {"batch_size": 32}, queried=("batch_size",))
    assert (first.claim, first.source_of_parameters) == ("matched", "query")


def test_config_is_never_contradicted() -> None:
    found = explain_value(4.143, 0.001, {"batch_size": 100, "world_size": 1})
    assert "nt_xent" not in [one.form.name for one in found if one.form.quantity == "chance"]


def test_another_method_keeps_a_constant_from_matching() -> None:
    found = explain_value(4.143, 0.005, {"batch_size": 32, "method": "vicreg"})
    assert all(one.claim == "candidate" for one in found)


def test_method_orders_the_candidates() -> None:
    assert _names(explain_value(11.0904, 0.0005, {}, "MoCo v2"))[0] == "moco"
    assert _names(explain_value(11.0904, 0.0005, {}, "DINO"))[0] == "dino"
    assert _names(explain_value(6.93, 0.005, {}, "clip"))[0] == "info_nce"


def test_a_constant_without_parameters_needs_the_method() -> None:
    (bare, *_) = explain_value(-1.0, 0.001, {})
    assert (bare.claim, bare.source_of_parameters) == ("candidate", "round values")
    (named, *_) = explain_value(-1.0, 0.001, {"method": "simsiam"})
    assert (named.claim, named.source_of_parameters) == ("matched", "config")
    (typed, *_) = explain_value(-1.0, 0.001, {}, "simsiam")
    assert (typed.claim, typed.source_of_parameters) == ("matched", "query")


def test_published_weights_are_an_assumption() -> None:
    (assumed, *_) = explain_value(24.75, 0.005, {"method": "vicreg"})
    assert (assumed.claim, assumed.parameters) == ("candidate", {"lambda_var": 25})
    (stated, *_) = explain_value(24.75, 0.005, {"method": "vicreg", "lambda_var": 25})
    assert stated.claim == "matched"
    assert "vicreg" not in _names(explain_value(24.75, 0.005, {"lambda_var": 1}))


@pytest.mark.parametrize(
    ("known", "batch", "gathered"),
    [
        ({"batch_size": 32, "world_size": 4}, 128, 1),
        ({"batch_size": 512, "world_size": 4}, 128, 0),
        ({"batch_size": 128, "world_size": 4}, 128, 0),
        ({"global_batch_size": 512, "world_size": 4}, 128, 0),
        ({"global_batch_size": 128}, 128, 1),
        ({"global_batch_size": 1024, "world_size": 4, "accum_steps": 2}, 128, 0),
    ],
)
def test_world_size_says_whether_the_batch_was_gathered(
    known: dict[str, Scalar], batch: int, gathered: int
) -> None:
    found = _only(explain_value(5.5413, 0.0005, {**known, "method": "simclr"}), "nt_xent")
    assert found.claim == "matched"
    assert found.parameters["batch_size"] == batch
    assert found.parameters["gathered"] == gathered


def test_an_unknown_world_size_is_only_guessed() -> None:
    found = _only(explain_value(5.5413, 0.0005, {"batch_size": 32}), "nt_xent")
    assert found.claim == "candidate"
    assert found.parameters == {"batch_size": 128, "world_size": 4, "gathered": 1}


def test_forms_with_many_parameters_are_weak_evidence() -> None:
    found = explain_value(4.14, 0.005, {})
    assert _only(found, "nt_xent").coincidence < 0.2 * max(one.coincidence for one in found)


def test_parameters_reproduce_the_expected_value() -> None:
    for value in (0.8, 2.0, 4.14, 6.24, 11.09, 49.5):
        for one in explain_value(value, 0.01, {}):
            assert one.form.value(**one.parameters) == pytest.approx(one.expected)
            assert abs(one.expected - value) <= 0.0100001


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_explains_nothing(value: float) -> None:
    assert explain_value(value, 0.005, {}) == ()
    assert explain_value(4.14, value, {}) == ()


def test_warm_calls_are_fast() -> None:
    known: dict[str, Scalar] = {"batch_size": 32, "temperature": 0.5}
    explain_value(4.14, 0.005, known)
    started = time.process_time()
    for _ in range(20):
        explain_value(4.14, 0.005, known)
    # 0.4 ms on a quiet core; the bound leaves room for a busy one.
    assert (time.process_time() - started) / 20 < 0.01


_SCALARS = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=8), st.integers(1, 4096)
)


@given(
    st.one_of(st.floats(), st.floats(-2, 50)),
    st.one_of(st.floats(), st.floats(0, 0.1)),
    st.dictionaries(st.sampled_from(CONFIG_NAMES), _SCALARS, max_size=6),
    st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["simclr", "dino", "byol"])),
)
def test_never_raises_and_never_matches_without_parameters(
    value: float, tolerance: float, known: dict[str, Scalar], method: str | None
) -> None:
    for one in explain_value(value, tolerance, known, method):
        assert 0 <= one.coincidence <= 1
        if one.claim == "matched":
            batch = {"batch_size", "global_batch_size"}
            for name in one.form.arguments:
                assert name in known or (name == "batch_size" and batch & set(known))
            assert one.form.arguments or method is not None or "method" in known


@given(st.floats(-2, 50), st.floats(1e-6, 0.05))
def test_nothing_matches_with_nothing_known(value: float, tolerance: float) -> None:
    assert all(one.claim == "candidate" for one in explain_value(value, tolerance, {}))


def test_every_form_is_found_again_from_its_own_value() -> None:
    config: dict[str, Scalar] = {
        "batch_size": 256,
        "queue_size": 4096,
        "prototypes": 3000,
        "classes": 100,
        "temperature": 0.2,
        "dim": 128,
        "world_size": 1,
        "lambda_inv": 25,
        "lambda_var": 25,
    }
    for one in forms():
        value = form(one.name, one.quantity).value(**config)
        if math.isfinite(value):
            losses = {e.form.loss for e in explain_value(value, 1e-6, config)}
            assert one.loss in losses, one.name
