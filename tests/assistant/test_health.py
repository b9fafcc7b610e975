"""Claims: a run is called healthy for progress that a collapsed or stuck run could not show, never
for noise; what is missing for that is said.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_runs import falls, flat, run_of

from assistant.health import MIN_POINTS, Health, health_of
from kb.run import Run, Series
from kb.types import Scalar

SIMSIAM: dict[str, Scalar] = {"method": "simsiam", "dim": 2048}
UNIT = 1 / math.sqrt(2048)


def missing(health: Health) -> str:
    return "; ".join(health.missing)


# Progress of the loss


def test_a_falling_contrastive_loss_is_healthy_without_a_spread() -> None:
    health = health_of(run_of({"method": "simclr"}, loss=falls(5.5, 3.1, noise=0.05)))
    assert health.healthy
    assert health.signs[0].startswith("the loss fell from ")
    assert health.missing == ()


@pytest.mark.parametrize("count", [MIN_POINTS, 16, 40, 300])
@pytest.mark.parametrize("spread", [0.01, 0.03, 0.1])
def test_noise_around_a_level_is_no_progress(count: int, spread: float) -> None:
    """At most one of 100 seeds may look like progress, in the loss or in a probe."""
    losses = [flat(4, count=count, noise=4 * spread, seed=seed) for seed in range(100)]
    assert sum(health_of(run_of({"method": "simclr"}, loss=one)).healthy for one in losses) <= 1
    probes = [run_of({"method": "simclr"}, knn_acc=one / 40) for one in losses]
    assert sum(health_of(one).healthy for one in probes) <= 1


@pytest.mark.parametrize("count", [MIN_POINTS, 16, 40, 300])
@pytest.mark.parametrize("seed", range(10))
def test_progress_is_seen_through_noise(count: int, seed: int) -> None:
    loss = falls(5.5, 3.1, count=count, noise=0.1, seed=seed)
    assert health_of(run_of({"method": "simclr"}, loss=loss)).healthy


def test_a_change_below_two_percent_is_no_progress() -> None:
    assert not health_of(run_of({"method": "simclr"}, loss=falls(5.5, 5.45))).healthy
    assert health_of(run_of({"method": "simclr"}, loss=falls(5.5, 5.3))).healthy


def test_a_loss_that_fell_and_came_back_is_no_progress() -> None:
    turn = np.linspace(0, 2 * math.pi, 100)
    assert not health_of(run_of({"method": "simclr"}, loss=4 + np.cos(turn))).healthy


def test_a_loss_that_rises_is_no_progress_and_one_that_falls_below_zero_is() -> None:
    assert not health_of(run_of({"method": "simclr"}, loss=falls(3, 5, noise=0.01))).healthy
    assert health_of(run_of({"method": "dcl"}, loss=falls(2, -3, noise=0.05))).healthy
    assert health_of(run_of({"method": "dcl"}, loss=falls(-1, -3, noise=0.05))).healthy


def test_too_few_points_are_undecided_and_counted() -> None:
    for count, said in ((1, "1 value,"), (MIN_POINTS - 1, f"{MIN_POINTS - 1} values,")):
        health = health_of(run_of({"method": "simclr"}, loss=falls(5.5, 3.1, count=count)))
        assert not health.healthy
        assert f"the loss has {said} expected at least {MIN_POINTS}" in health.missing


def test_values_that_are_not_finite_do_not_count_as_points() -> None:
    loss = [*falls(5.5, 3.1, count=MIN_POINTS - 1), math.nan, math.inf]
    assert not health_of(run_of({"method": "simclr"}, loss=loss)).healthy


def test_without_a_loss_that_is_said() -> None:
    health = health_of(run_of({"method": "simclr"}, grad_norm=[1.0] * 50))
    assert not health.healthy
    assert "no training loss was found" in health.missing


# Probes


@pytest.mark.parametrize("probe", ["knn_acc", "online_acc", "lin_acc", "contrast_acc", "zs_acc"])
def test_a_probe_that_rises_is_progress_even_when_the_loss_rises(probe: str) -> None:
    loss, accuracy = falls(3, 5, noise=0.01), falls(0.2, 0.7, count=20, noise=0.01)
    health = health_of(run_of({"method": "dino"}, loss=loss, **{probe: accuracy}))
    assert health.healthy
    assert health.signs[0].startswith(f"{probe} rose from ")


def test_a_handful_of_probes_may_show_progress_and_fewer_may_not() -> None:
    assert health_of(run_of({"method": "mae"}, knn_acc=[0.2, 0.35, 0.48, 0.55])).healthy
    assert not health_of(run_of({"method": "mae"}, knn_acc=[0.2, 0.35, 0.48])).healthy


def test_a_probe_that_falls_or_stays_is_none() -> None:
    for accuracy in (falls(0.7, 0.2, count=20), flat(0.5, count=20), falls(0.5, 0.52, count=20)):
        assert not health_of(run_of({"method": "simclr"}, knn_acc=accuracy)).healthy


# Methods whose loss is at its best in a collapsed run


@pytest.mark.parametrize(
    ("config", "loss"),
    [
        (SIMSIAM, falls(-0.2, -0.995, noise=0.001)),
        ({"method": "byol"}, falls(3, 0.01, noise=0.001)),
        ({"method": "dino"}, falls(8, 0.01, noise=0.001)),
        ({"method": "i-jepa"}, falls(0.5, 0.001, noise=0.0001)),
        ({}, falls(3, 0.01, noise=0.001)),
        ({}, falls(-0.2, -0.995, noise=0.001)),
    ],
    ids=["simsiam", "byol", "dino", "i-jepa", "near 0", "near -1"],
)
def test_a_loss_at_its_optimum_is_undecided_and_says_what_to_log(
    config: dict[str, Scalar], loss: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    health = health_of(run_of(config, loss=loss))
    assert not health.healthy
    assert "z_std" in missing(health)
    assert "kNN" in missing(health)
    assert health_of(run_of(config, loss=loss, knn_acc=falls(0.2, 0.7, count=20))).healthy


def test_a_loss_far_from_the_optimum_needs_no_spread() -> None:
    assert health_of(run_of({"method": "byol"}, loss=falls(3, 1.2, noise=0.01))).healthy
    assert health_of(run_of(SIMSIAM, loss=falls(-0.1, -0.7, noise=0.01))).healthy


def test_a_contrastive_loss_at_its_optimum_needs_no_spread() -> None:
    assert health_of(run_of({"method": "simclr"}, loss=falls(5.5, 0.05, noise=0.01))).healthy


@pytest.mark.parametrize(
    ("share", "healthy"), [(0.95, True), (0.5, True), (0.3, False), (0, False)]
)
def test_simsiam_near_its_optimum_is_healthy_with_the_spread_of_unit_vectors(
    share: float, healthy: bool
) -> None:
    run = run_of(SIMSIAM, loss=falls(-0.2, -0.995, noise=0.001), z_std=flat(share * UNIT))
    assert health_of(run).healthy == healthy


@pytest.mark.parametrize(
    ("metric", "well", "ill"),
    [
        ("z_std", flat(0.02), falls(0.02, 0.001)),
        ("collapse_level", flat(0.1), flat(0.9)),
        ("raw_std", flat(0.9), flat(0.01)),
        ("uniform", flat(-3.5), flat(-0.1)),
        ("target_var", flat(0.8), flat(0.001)),
        ("rankme_h", falls(40, 120), falls(120, 10)),
        ("erank_z", flat(50), flat(2)),
        ("teacher_entropy", flat(4.5), flat(0.01)),
    ],
)
def test_each_kind_of_spread_tells_a_good_optimum_from_a_collapsed_one(
    metric: str,
    well: np.ndarray[tuple[int], np.dtype[np.float64]],
    ill: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    loss = falls(3, 0.01, noise=0.001)
    assert health_of(run_of({"method": "byol"}, loss=loss, **{metric: well})).healthy
    assert not health_of(run_of({"method": "byol"}, loss=loss, **{metric: ill})).healthy


def test_the_entropy_of_a_teacher_is_judged_by_the_number_of_prototypes() -> None:
    loss, entropy = falls(8, 0.1, noise=0.001), flat(math.log(1000) * 0.99)
    config: dict[str, Scalar] = {"method": "dino", "prototypes": 1000}
    assert not health_of(run_of(config, loss=loss, teacher_entropy=entropy)).healthy
    config["prototypes"] = 65536
    assert health_of(run_of(config, loss=loss, teacher_entropy=entropy)).healthy


def test_a_spread_alone_is_no_progress() -> None:
    health = health_of(run_of(SIMSIAM, loss=flat(-0.5, noise=0.01), z_std=flat(UNIT)))
    assert not health.healthy
    assert health.signs == ("z_std is 1.00 of 1/sqrt(dim)",)
    assert "no clear progress" in missing(health)


# Any run


FLOATS = st.floats() | st.sampled_from([0.0, 1e308, -1e308, math.nan, math.inf])
METRICS = ("loss", "z_std", "knn_acc", "raw_std", "rankme_h", "teacher_entropy", "uniform")
CONFIG = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["simsiam", "byol", "simclr", "dino", "nonsense", ""]),
        "dim": st.sampled_from([0, -1, 128, math.nan, math.inf]) | st.text(max_size=3),
        "prototypes": st.sampled_from([0, 1, -5, 65536]) | st.text(max_size=3),
    },
)


@given(CONFIG, st.dictionaries(st.sampled_from(METRICS), st.lists(FLOATS, max_size=40)))
@settings(max_examples=200, deadline=None)
def test_no_run_makes_it_raise_and_healthy_means_nothing_is_missing(
    config: dict[str, Scalar], series: dict[str, list[float]]
) -> None:
    run = Run(config, {name: Series.from_values(name, values) for name, values in series.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        health = health_of(run)
    assert health.healthy == (not health.missing)
    assert len(set(health.signs)) == len(health.signs)
    assert not health.healthy or health.signs
