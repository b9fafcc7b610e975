"""The metrics on clouds whose values are known, and on the clouds that fool single metrics."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.monitor import metrics


def cloud(rows: int = 1024, dim: int = 512, seed: int = 0) -> Any:
    """Return independent normal rows."""
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed))


def test_normal_rows_have_the_reference_values_of_the_literature_table() -> None:
    rows = cloud()
    found = metrics.spread(rows)
    assert found["z_std"] * math.sqrt(512) == pytest.approx(1.0, abs=2e-3)
    assert found["raw_std"] == pytest.approx(1.0, abs=0.01)
    assert found["neg_sim"] == pytest.approx(0.0, abs=1e-3)
    assert found["uniform"] == pytest.approx(-3.984, abs=0.01)
    assert found["dead_dims"] == 0.0
    assert metrics.rankme(rows) == pytest.approx(474, abs=2)
    assert metrics.effective_rank(rows) == pytest.approx(398, abs=3)


def test_a_common_mean_lowers_the_uncentred_rank_and_not_the_centred_one() -> None:
    rows = cloud(2048) + 5
    assert metrics.rankme(rows) == pytest.approx(252, abs=3)
    assert metrics.spread(rows)["neg_sim"] == pytest.approx(0.962, abs=2e-3)
    assert metrics.effective_rank(rows) == pytest.approx(
        metrics.effective_rank(cloud(2048)), rel=1e-4
    )


def test_noise_around_one_point_has_a_perfect_centred_rank_and_no_spread() -> None:
    point = cloud(1, 512, seed=1) + 1e-3 * cloud(2048)
    assert metrics.effective_rank(point) == pytest.approx(452, abs=2)
    assert metrics.rankme(point) < 1.5
    found = metrics.spread(point)
    assert found["z_std"] * math.sqrt(512) < 2e-3
    assert found["neg_sim"] == pytest.approx(1.0, abs=1e-4)
    assert found["uniform"] == pytest.approx(0.0, abs=1e-4)


def test_half_the_dimensions_dead_shows_as_such() -> None:
    rows = cloud()
    rows[:, ::4] = 0
    assert metrics.spread(rows)["dead_dims"] == 0.25


@given(rank=st.integers(1, 12), wide=st.booleans(), seed=st.integers(0, 99))
def test_no_rank_exceeds_that_of_the_matrix(rank: int, wide: bool, seed: int) -> None:
    shape = (20, 48) if wide else (48, 20)
    rows = cloud(shape[0], rank, seed) @ cloud(rank, shape[1], seed + 1)
    assert metrics.rankme(rows) <= rank + 1e-3
    assert metrics.effective_rank(rows) <= rank + 1e-6


@given(scale=st.floats(1e-3, 1e3))
def test_ranks_and_normalised_spread_do_not_depend_on_scale(scale: float) -> None:
    rows = cloud(32, 16)
    assert metrics.rankme(rows * scale) == pytest.approx(metrics.rankme(rows), rel=1e-3)
    assert metrics.spread(rows * scale)["z_std"] == pytest.approx(
        metrics.spread(rows)["z_std"], rel=1e-4
    )


def test_views_that_agree_and_views_that_do_not() -> None:
    rows = cloud(256, 32)
    same = metrics.agreement(rows, rows)
    assert same == {"pos_sim": pytest.approx(1.0), "align": pytest.approx(0.0, abs=1e-6)}
    other = metrics.agreement(rows, cloud(256, 32, seed=3))
    assert other["align"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("probabilities", "entropy", "perplexity"),
    [
        (torch.full((6, 8), 1 / 8), math.log(8), 8.0),
        (torch.eye(8), 0.0, 8.0),
        (torch.eye(8)[:1].repeat(6, 1), 0.0, 1.0),
    ],
)
def test_teacher_entropy_and_use_of_prototypes(
    probabilities: Any, entropy: float, perplexity: float
) -> None:
    found = metrics.assignment(probabilities)
    assert found["teacher_entropy"] == pytest.approx(entropy)
    assert found["proto_perplexity"] == pytest.approx(perplexity)


def test_rows_that_are_not_finite_are_counted_and_nothing_else_is_said() -> None:
    rows = cloud(8, 4)
    rows[0, 0], rows[3, 2] = math.nan, math.inf
    assert metrics.measured(None, (rows,)) == {"nan_count": 2.0}


def test_one_row_alone_has_no_spread() -> None:
    assert metrics.measured(cloud(1, 4), (cloud(1, 4),)) == {}


@pytest.mark.parametrize("value", [0.0, 0.1, 0.5])
def test_a_collapsed_cloud_has_rank_one(value: float) -> None:
    found = metrics.measured(torch.full((64, 16), value), (torch.full((64, 16), value),))
    for name in ("rankme_h", "erank_h", "rankme_z", "erank_z"):
        assert found[name] == pytest.approx(1.0, abs=1e-3), name
