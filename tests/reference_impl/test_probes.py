"""Probes against brute force, scikit-learn, and features that are known to be good or empty."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reference_impl import data, encoders
from reference_impl.probes import features, knn_accuracy, linear_accuracy, probe


def clouds(count: int, spread: float, seed: int) -> tuple[Any, Any]:
    """Return points around one centre per class, in ten dimensions."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(count) % 4
    return centres[labels] + spread * torch.randn(count, 10, generator=generator), labels


def brute_force(train: Any, labels: Any, test: Any, k: int, temperature: float) -> list[int]:
    """Return each test image's class by counting votes one neighbour at a time."""
    found = []
    for query in test.numpy().astype(np.float64):
        bank = train.numpy().astype(np.float64)
        cosine = bank @ query / np.linalg.norm(bank, axis=1) / np.linalg.norm(query)
        votes: dict[int, float] = {}
        for place in np.argsort(-cosine)[:k]:
            label = int(labels[place])
            votes[label] = votes.get(label, 0.0) + math.exp(cosine[place] / temperature)
        found.append(max(votes, key=votes.__getitem__))
    return found


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (20, 0.07), (200, 0.1)])
def test_neighbours_vote_as_counted_by_hand(k: int, temperature: float) -> None:
    train, labels = clouds(300, 1.2, 1)
    test, truth = clouds(90, 1.2, 2)
    expected = np.mean(np.array(brute_force(train, labels, test, k, temperature)) == truth.numpy())
    found = knn_accuracy(train, labels, test, truth, neighbours=k, temperature=temperature)
    assert found == pytest.approx(expected)


def test_probes_tell_good_features_from_empty_ones() -> None:
    train, labels = clouds(400, 0.1, 1)
    test, truth = clouds(200, 0.1, 2)
    assert knn_accuracy(train, labels, test, truth) == 1.0
    assert linear_accuracy(train, labels, test, truth) == 1.0
    for probe_of in (knn_accuracy, linear_accuracy):
        noise = torch.randn(400, 10), labels, torch.randn(200, 10), truth
        assert probe_of(*noise) == pytest.approx(0.25, abs=0.12)
        constant = torch.ones(400, 10), labels, torch.ones(200, 10), truth
        assert probe_of(*constant) == pytest.approx(0.25, abs=0.01)


def test_the_linear_probe_is_ridge_regression_with_exact_leave_one_out() -> None:
    """Every image's own prediction without it, refitted from scratch, gives the same choice."""
    train, labels = clouds(40, 1.5, 3)
    test, truth = clouds(400, 1.5, 4)
    from reference_impl.probes.linear import PENALTIES

    mean, std = train.double().mean(0), train.double().std(0)
    inputs, queries = (train - mean) / std, (test - mean) / std
    targets = nn.functional.one_hot(labels).double()
    scale = torch.linalg.eigvalsh(inputs.T @ inputs).mean()

    def fit(rows: Any, answers: Any, penalty: float) -> Any:
        """Return (weights, intercept): the intercept is not penalised."""
        centre = rows.mean(0)
        gram = (rows - centre).T @ (rows - centre) + penalty * torch.eye(10, dtype=torch.float64)
        weights = torch.linalg.solve(gram, (rows - centre).T @ (answers - answers.mean(0)))
        return weights, answers.mean(0) - centre @ weights

    best: tuple[int, Any] = (-1, None)
    for share in PENALTIES:
        right = 0
        for left in range(40):
            kept = torch.arange(40) != left
            weights, intercept = fit(inputs[kept], targets[kept], float(share * scale))
            right += int((inputs[left] @ weights + intercept).argmax() == labels[left])
        if right > best[0]:
            best = (right, fit(inputs, targets, float(share * scale)))
    weights, intercept = best[1]
    expected = ((queries @ weights + intercept).argmax(1) == truth).double().mean()
    assert linear_accuracy(train, labels, test, truth) == pytest.approx(float(expected))


def test_features_are_those_of_evaluation_mode_and_leave_the_encoder_alone() -> None:
    images = data.load("digits")
    torch.manual_seed(0)
    encoder = encoders.build("small_cnn", 1, 8)
    encoder(images.normalised(images.train.pixels[:64]))
    encoder.layers[1].eval()
    modes = [module.training for module in encoder.modules()]
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    found = features(encoder, images, images.test)
    assert found.shape == (360, encoder.width)
    assert [module.training for module in encoder.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    encoder.eval()
    with torch.no_grad():
        whole = encoder(images.normalised(images.test.pixels))
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)


def test_a_random_encoder_is_above_chance_which_is_why_it_is_shown() -> None:
    torch.manual_seed(0)
    images = data.load("digits")
    found = probe(encoders.build("small_cnn", 1, 8), images)
    assert 0.5 < found.knn < 1.0
    assert set(found.named("_random")) == {"knn_acc_random", "lin_acc_random"}
    assert probe(encoders.build("small_cnn", 1, 8), images, linear=False).linear is None
