"""The transcriptions against values worked out by hand and the closed forms of kb."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.closed_forms import form
from reference_impl.verify.clouds import simplex, unit_rows
from reference_impl.verify.transcriptions import (
    clustering,
    contrastive,
    gaussian,
    masked,
    numbers,
    pairs,
    prediction,
    queue,
    redundancy,
    self_distillation,
    whitening,
)

RNG = np.random.default_rng(7)
AT_RIGHT_ANGLES = np.eye(4)


def test_two_pairs_at_right_angles_by_hand() -> None:
    views = np.eye(2)
    # The partner has cosine 1, the two others 0: ln(e^5 + 2) - 5.
    expected = math.log(math.exp(5) + 2) - 5
    assert contrastive.nt_xent(views, views, 0.2) == pytest.approx(expected, rel=1e-12)
    assert contrastive.nt_xent_official(views, views, 0.2) == pytest.approx(2 * expected)
    assert contrastive.decoupled(views, views, 0.2) == pytest.approx(math.log(2) - 5)


def test_supcon_of_one_class_by_hand() -> None:
    views = np.ones((2, 3))
    labels = np.array([0, 0])
    for joined, expected in (("out", math.log(3)), ("in", math.log(3)), ("in_sum", 0.0)):
        found = contrastive.sup_con([views, views], labels, 0.1, joined=joined)  # type: ignore[arg-type]
        assert found == pytest.approx(expected, abs=1e-12)


def test_supcon_without_a_positive_counts_as_zero() -> None:
    assert contrastive.sup_con([np.eye(3)], np.arange(3), 0.1) == 0.0


def test_info_nce_of_equal_candidates() -> None:
    ones = np.ones((5, 4))
    assert queue.moco(ones, ones, np.ones((9, 4)), 0.2) == pytest.approx(math.log(10))
    at_five = form("moco_v3", "collapse").value(batch_size=5, temperature=0.2)
    assert queue.moco_v3((ones, ones), (ones, ones), 0.2) == pytest.approx(at_five)
    assert pairs.clip(ones, ones, 10.0) == pytest.approx(math.log(5))


def test_floor_of_nt_xent_on_a_simplex() -> None:
    points = simplex(16)
    expected = form("nt_xent", "floor").value(batch_size=16, temperature=0.2)
    assert contrastive.nt_xent(points, points, 0.2) == pytest.approx(expected, rel=1e-12)


def test_siglip_of_zero_logits() -> None:
    assert pairs.siglip(np.eye(6), np.eye(6), 0.0, 0.0) == pytest.approx(6 * math.log(2))


def test_byol_and_simsiam_at_right_angles_and_agreeing() -> None:
    first, second = AT_RIGHT_ANGLES[:2], AT_RIGHT_ANGLES[2:]
    both, crossed = (first, second), (second, first)
    assert prediction.byol(both, both) == pytest.approx(4.0)
    assert prediction.byol(both, crossed) == pytest.approx(0.0)
    assert prediction.simsiam(both, both) == pytest.approx(0.0)
    assert prediction.simsiam(both, crossed) == pytest.approx(-1.0)


def test_redundancy_of_constant_outputs() -> None:
    constant = np.ones((6, 5))
    assert redundancy.vicreg(constant, constant) == pytest.approx(49.5)
    assert redundancy.vicreg(constant, constant, variance_views=1.0) == pytest.approx(24.75)
    assert redundancy.barlow(constant, constant, 0.0051) == pytest.approx(5.0)


def test_covariance_by_hand() -> None:
    rows = np.array([[0.0, 0.0], [2.0, 4.0]])
    # Variances 2 and 8, covariance 4 over N - 1: (4^2 + 4^2) / 2.
    assert redundancy.covariance_energy(rows) == pytest.approx(16.0)
    assert redundancy.variance_hinge(rows, 3.0, 0.0) == pytest.approx(
        (3 - math.sqrt(2) + 3 - math.sqrt(8)) / 2
    )


@pytest.mark.parametrize(
    "whiten", [whitening.whiten, lambda rows: whitening.whiten_symmetric(rows, 0.0)]
)
def test_whitened_rows_have_the_identity_as_covariance(whiten) -> None:  # type: ignore[no-untyped-def]
    rows = RNG.standard_normal((40, 5)) @ RNG.standard_normal((5, 5)) + 3
    made = whiten(rows)
    np.testing.assert_allclose(np.cov(made.T), np.eye(5), atol=1e-10)
    np.testing.assert_allclose(made.mean(0), 0, atol=1e-12)


def test_sinkhorn_uses_prototypes_evenly() -> None:
    codes = clustering.sinkhorn(RNG.uniform(-1, 1, (30, 6)), 0.05, 200)
    np.testing.assert_allclose(codes.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(codes.sum(0), 5, atol=1e-6)


def test_dino_of_flat_and_of_one_hot_outputs() -> None:
    flat = [np.zeros((3, 8))] * 2
    assert self_distillation.dino(flat, flat, np.zeros(8), 0.1, 0.04) == pytest.approx(math.log(8))
    certain = [np.tile(np.eye(8)[:1] * 50, (3, 1))] * 2
    assert self_distillation.dino(certain, certain, np.zeros(8), 0.1, 0.04) == pytest.approx(0.0)


def test_ibot_counts_images_without_masks() -> None:
    logits, masks = np.zeros((2, 3, 4)), np.array([[1, 1, 0], [0, 0, 0]])
    of = (logits, logits, masks, np.zeros(4), 0.1, 0.04)
    assert self_distillation.ibot(*of) == pytest.approx(math.log(4) / 2)
    assert self_distillation.ibot(*of, per_token=True) == pytest.approx(math.log(4))


def test_koleo_of_opposite_points() -> None:
    rows = np.array([[1.0, 0.0], [-3.0, 0.0]])
    assert self_distillation.koleo(rows, 0.0) == pytest.approx(-math.log(2))


def test_sigreg_of_zeros_and_lejepa_of_one_view() -> None:
    directions = unit_rows(RNG.standard_normal((4, 6))).T
    expected = form("sigreg", "collapse").value(batch_size=10)
    zeros = np.zeros((10, 6))
    assert gaussian.sigreg(zeros, directions) == pytest.approx(expected, rel=1e-12)
    assert gaussian.lejepa([zeros, zeros + 2], directions, 0.0) == pytest.approx(1.0)


def test_mae_of_zero_predictions_and_order_of_values() -> None:
    images = RNG.standard_normal((2, 3, 8, 8))
    masks = np.ones((2, 4), dtype=np.int64)
    found = masked.mae(images, np.zeros((2, 4, 48)), masks, 4)
    assert found == pytest.approx(47 / 48, rel=1e-5)
    numbered = np.arange(3 * 4 * 4, dtype=np.float64).reshape(3, 4, 4)
    first = masked.patches(numbered, 2)[1]
    assert first.tolist() == [2, 18, 34, 3, 19, 35, 6, 22, 38, 7, 23, 39]


def test_smooth_l1_and_layer_norm() -> None:
    assert [masked.smooth_l1(gap) for gap in (0.5, -2.0)] == [0.125, 1.5]
    made = masked.layer_norm(RNG.standard_normal(64) * 9 + 4)
    assert made.mean() == pytest.approx(0, abs=1e-12)
    assert made.std() == pytest.approx(1, rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-800, 800), min_size=1, max_size=8), st.floats(-100, 100))
def test_log_sum_exp_moves_with_its_terms(terms: list[float], shift: float) -> None:
    moved = numbers.log_sum_exp([term + shift for term in terms])
    assert moved == pytest.approx(numbers.log_sum_exp(terms) + shift, rel=1e-9, abs=1e-9)
    assert numbers.log_sum_exp(terms) >= max(terms)


def test_lejepa_as_the_paper_writes_it_by_hand() -> None:
    """One image in two dimensions, two global views and a local one; SIGReg left out."""
    views = [np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]]), np.array([[0.0, 4.0]])]
    directions = np.eye(2)
    # Squared distances to the first global view: 0, 25, 16; to the second: 25, 0, 9.
    found = gaussian.lejepa_as_written(views, directions, 0.0, global_views=2)
    assert found == pytest.approx((41 + 34) / 6)
    spread = np.mean([gaussian.sigreg(view, directions) for view in views])
    found = gaussian.lejepa_as_written(views, directions, 1.0, global_views=2)
    assert found == pytest.approx(spread)
