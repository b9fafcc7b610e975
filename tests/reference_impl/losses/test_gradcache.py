"""GradCache gives the gradient of the whole batch, dropout, learnt scale and all."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import nn

from reference_impl.losses.gradcache import Source, cached_backward
from reference_impl.methods.clip import clip_loss
from reference_impl.methods.simclr import nt_xent

BATCH = 10


def network(*, norm: bool = False) -> Any:
    torch.manual_seed(0)
    middle = nn.BatchNorm1d(16) if norm else nn.Dropout(0.5)
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), middle, nn.Linear(16, 4)).double()


def views(count: int = 2) -> list[Any]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BATCH, 6, generator=generator).double() for _ in range(count)]


def gradients(model: Any) -> list[Any]:
    return [parameter.grad.clone() for parameter in model.parameters()]


@pytest.mark.parametrize("chunk", [1, 3, 5, 10, 64])
def test_the_gradient_is_that_of_all_chunks_in_one_graph(chunk: int) -> None:
    model, inputs = network(), views()
    torch.manual_seed(2)
    # The same chunks, so that dropout draws the same masks, but all in one graph.
    parts = [torch.cat([model(rows) for rows in view.split(chunk)]) for view in inputs]
    expected_loss = nt_xent(*parts, temperature=0.3)
    expected_loss.backward()
    expected, drawn_after = gradients(model), torch.rand(1)
    model.zero_grad()
    torch.manual_seed(2)
    sources = [Source(model, view, model) for view in inputs]
    loss = cached_backward(sources, lambda a, b: nt_xent(a, b, temperature=0.3), chunk)
    torch.testing.assert_close(loss, expected_loss.detach())
    assert not loss.requires_grad
    for one, other in zip(gradients(model), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
    # The generator stands where one pass over the batch would have left it.
    assert torch.equal(torch.rand(1), drawn_after)


def test_accumulation_is_not_the_same() -> None:
    model, inputs = network().eval(), views()
    for first, second in zip(*(view.split(5) for view in inputs), strict=True):
        (nt_xent(model(first), model(second)) / 2).backward()
    accumulated = gradients(model)
    model.zero_grad()
    cached_backward([Source(model, view, model) for view in inputs], nt_xent, 5)
    ours = gradients(model)
    assert any(
        (one - other).abs().max() > 1e-3 for one, other in zip(ours, accumulated, strict=True)
    )


def test_two_towers_and_a_learnt_scale() -> None:
    one, other, inputs = network(), network(), views()
    one.eval(), other.eval()
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    clip_loss(one(inputs[0]), other(inputs[1]), scale).backward()
    expected = [*gradients(one), *gradients(other), scale.grad.clone()]
    one.zero_grad()
    other.zero_grad()
    scale.grad = None
    sources = [Source(one, inputs[0], one), Source(other, inputs[1], other)]
    cached_backward(sources, lambda x, y: clip_loss(x, y, scale), 4)
    found = [*gradients(one), *gradients(other), scale.grad]
    for ours, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, whole, rtol=1e-12, atol=1e-14)


def test_running_statistics_count_a_chunk_once() -> None:
    model = network(norm=True)
    once = copy.deepcopy(model)
    (view,) = views(1)
    for rows in view.split(5):
        once(rows)
    cached_backward([Source(model, view, model)], lambda z: z.square().mean(), 5)
    for ours, expected in zip(model.buffers(), once.buffers(), strict=True):
        torch.testing.assert_close(ours, expected)


def test_a_loss_scale_reaches_every_gradient_but_not_the_loss() -> None:
    model, inputs = network().eval(), views()
    sources = [Source(model, view, model) for view in inputs]
    plain = cached_backward(sources, nt_xent, 5)
    expected = gradients(model)
    model.zero_grad()
    scaled = cached_backward(sources, nt_xent, 5, loss_scale=lambda loss: 1024 * loss)
    assert torch.equal(plain, scaled)
    for ours, whole in zip(gradients(model), expected, strict=True):
        torch.testing.assert_close(ours, 1024 * whole)


def test_processes_synchronise_in_the_last_chunk_of_each_network() -> None:
    entered = []

    @contextmanager
    def no_sync() -> Any:
        entered.append(1)
        yield

    model, inputs = network(), views()
    sources = [Source(model, view, model, no_sync) for view in inputs]
    cached_backward(sources, nt_xent, 5)
    assert len(entered) == 3  # of two chunks each
    entered.clear()
    towers = [Source(tower, inputs[0], tower, no_sync) for tower in (network(), network())]
    cached_backward(towers, nt_xent, 5)
    assert len(entered) == 2


def test_nothing_to_embed_is_refused() -> None:
    model = network()
    with pytest.raises(ValueError, match=r"chunks of 1 or more and rows to embed, found 0, \[10\]"):
        cached_backward([Source(model, views(1)[0], model)], nt_xent, 0)


def test_weights_get_their_gradient_under_autocast() -> None:
    model, inputs = network().eval().float(), [view.float() for view in views()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nt_xent(*(model(view) for view in inputs), temperature=0.3).backward()
        expected = gradients(model)
        model.zero_grad()
        sources = [Source(model, view, model) for view in inputs]
        cached_backward(sources, lambda a, b: nt_xent(a, b, temperature=0.3), 3)
    for one, other in zip(gradients(model), expected, strict=True):
        assert other.abs().max() > 0
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)
