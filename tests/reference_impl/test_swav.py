"""SwAV: ln K, conventions of pairs and codes, frozen prototypes, the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from kb.closed_forms.registry import form
from reference_impl.method import Batch
from reference_impl.methods.swav import CLAIMS, PRESETS, SwAV, SwAVConfig, swav_loss, view_codes
from reference_impl.prototypes import code_cross_entropy, usage

TINY = SwAVConfig(
    prototypes=8, dim=6, hidden_width=16, small_crops=1, freeze_prototypes=0.1, queue_start=0.2
)


class Pixels(nn.Module):  # type: ignore[misc, unused-ignore]
    """An encoder for tests: average colours of a coarse grid, then a linear layer."""

    width = 12

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 12)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        pooled = functional.adaptive_avg_pool2d(images, 4).flatten(1)
        features: torch.Tensor = self.layer(pooled)
        return features


def cosines(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64) * 2 - 1


def entropy_of(codes: torch.Tensor, scores: torch.Tensor, temperature: float = 0.1) -> Any:
    """Return the cross-entropy as the official code computes it."""
    return -(codes * (scores / temperature).log_softmax(-1)).sum(-1).mean()


@pytest.mark.parametrize(
    ("prototypes", "value"), [(3000, 8.0064), (512, 6.2383), (300, 5.7038), (21, 3.0445)]
)
def test_equal_embeddings_cost_ln_k_exactly(prototypes: int, value: float) -> None:
    """Sinkhorn forces uniform codes on equal images, whatever their scores."""
    torch.manual_seed(0)
    scores = cosines(1, prototypes).expand(64, -1)
    codes = view_codes([scores, scores])
    torch.testing.assert_close(codes[0], torch.full_like(codes[0], 1 / prototypes))
    flat = torch.zeros(64, prototypes, dtype=torch.float64)
    loss = float(swav_loss([flat, flat], codes))
    assert loss == pytest.approx(form("swav", "collapse").value(prototypes=prototypes))
    assert loss == pytest.approx(value, abs=1e-4)


def test_unrelated_views_cost_more_than_ln_k() -> None:
    torch.manual_seed(0)
    first, second = cosines(64, 300), cosines(64, 300)
    loss = float(swav_loss([first, second], view_codes([first, second])))
    assert loss > form("swav", "chance").value(prototypes=300)


def test_agreeing_views_cost_the_codes_entropy() -> None:
    torch.manual_seed(0)
    scores = cosines(64, 300)
    codes = view_codes([scores, scores], epsilon=0.1)
    # At one temperature for codes and predictions, and even use, loss and entropy are close.
    assert float(usage(codes[0])["teacher_entropy"]) <= float(swav_loss([scores] * 2, codes))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 3), st.integers(0, 1000))
def test_conventions_of_pairs(small: int, seed: int) -> None:
    torch.manual_seed(seed)
    scores = [cosines(5, 4).requires_grad_() for _ in range(2 + small)]
    codes = view_codes(scores)
    pairs = [(v, i) for i in range(2) for v in range(2 + small) if v != i]
    expected = torch.stack([entropy_of(codes[i], scores[v]) for v, i in pairs])
    loss = swav_loss(scores, codes[:2])
    torch.testing.assert_close(loss, expected.mean())
    torch.testing.assert_close(swav_loss(scores, codes[:2], pairs="paper"), expected.sum())
    for mine, theirs in zip(
        torch.autograd.grad(loss, scores),
        torch.autograd.grad(expected.mean(), scores),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)
    mutual = [
        entropy_of(codes[i], scores[v])
        for i in range(2 + small)
        for v in range(2 + small)
        if v != i and min(v, i) < 2
    ]
    torch.testing.assert_close(swav_loss(scores, codes, pairs="mutual"), torch.stack(mutual).mean())


def test_codes_of_each_view_or_of_all_together() -> None:
    torch.manual_seed(0)
    first, second = cosines(5, 4), cosines(5, 4)
    joint = view_codes([first, second], codes="joint")
    together = view_codes([torch.cat((first, second))])[0]
    torch.testing.assert_close(torch.cat(joint), together)
    assert (view_codes([first, second])[0] - joint[0]).abs().max() > 1e-3


def test_missing_views_and_codes_are_refused() -> None:
    scores = cosines(5, 4)
    with pytest.raises(ValueError, match="found 1 codes and 1 views"):
        swav_loss([scores], [scores])
    with pytest.raises(ValueError, match="mutual"):
        swav_loss([scores, scores], [scores], pairs="mutual")


def test_gradient_of_summed_cross_entropies() -> None:
    torch.manual_seed(0)
    codes = [torch.randn(3, 5, dtype=torch.float64).softmax(-1) for _ in range(2)]
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: code_cross_entropy(codes, x, 0.2), (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_inputs_are_computed_in_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    scores = [cosines(16, 64).to(dtype).requires_grad_() for _ in range(2)]
    codes = view_codes(scores)
    loss = swav_loss(scores, codes)
    loss.backward()
    assert loss.dtype == codes[0].dtype == torch.float32
    assert scores[0].grad is not None
    assert scores[0].grad.dtype == dtype
    exact = [view.detach().double() for view in scores]
    expected = float(swav_loss(exact, view_codes(exact)))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


def batch(images: int = 6) -> Batch:
    views = tuple(torch.randn(images, 1, 16, 16) for _ in range(2))
    return Batch(views, (torch.randn(images, 1, 8, 8),))


def test_a_step_reaches_all_weights_and_keeps_prototypes_at_length_one() -> None:
    torch.manual_seed(0)
    method = SwAV(Pixels(), TINY)
    assert method.plan.small == 1
    output = method(batch())
    output.loss.backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None, name
    lengths = method.prototypes.weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(8))
    assert output.embeddings[0].shape == (6, 6)
    assert [tuple(view.shape) for view in output.features] == [(6, 12), (6, 12)]
    assert {"proto_perplexity", "teacher_entropy"} <= set(output.terms)


def test_prototypes_are_frozen_in_the_beginning() -> None:
    method = SwAV(Pixels(), TINY)
    for progress, frozen in ((0.0, True), (0.1, False)):
        method(batch()).loss.backward()
        method.before_update(progress)
        assert (method.prototypes.weight.grad is None) is frozen


def test_the_queue_starts_late_fills_and_then_joins_sinkhorn() -> None:
    torch.manual_seed(0)
    method = SwAV(Pixels(), replace(TINY, queue_size=10))
    first, second, third = batch(), batch(), batch()
    method(first)
    assert method.queued == 0
    method.after_update(0.5)
    method(first)
    method(second)
    assert method.queued == 10
    units = functional.normalize(method.queue[0], dim=1)
    torch.testing.assert_close(units, method.queue[0])
    bare = SwAV(Pixels(), TINY)
    bare.load_state_dict(method.state_dict() | {"queue": bare.queue})
    losses = [float(one(third).loss.detach()) for one in (method, bare)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


def test_queue_and_progress_survive_a_checkpoint() -> None:
    torch.manual_seed(0)
    config = replace(TINY, queue_size=6)
    method = SwAV(Pixels(), config)
    method.after_update(0.3)
    method(batch())
    resumed = SwAV(Pixels(), config)
    resumed.load_state_dict(method.state_dict())
    data = batch()
    assert resumed.queued == 6
    torch.testing.assert_close(resumed(data).loss, method(data).loss)


def test_training_lowers_the_loss_with_many_prototypes_in_use() -> None:
    torch.manual_seed(0)
    method = SwAV(Pixels(), replace(TINY, freeze_prototypes=0.0))
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    images = torch.randn(64, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    losses = []
    for _ in range(60):
        views = tuple(images + 0.3 * torch.randn_like(images) for _ in range(2))
        output = method(Batch(views, (images[..., ::2, ::2],)))
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
        losses.append(float(output.loss.detach()))
    assert losses[-1] < form("swav", "chance").value(prototypes=8) - 0.3
    assert losses[-1] < losses[0]
    assert float(output.terms["proto_perplexity"]) > 6


def test_presets_and_claims_change_only_known_settings() -> None:
    assert PRESETS["official"].config.queue_size == 3840
    for claim in CLAIMS:
        for arm in claim.arms:
            replace(PRESETS["small"].config, **arm.config)
