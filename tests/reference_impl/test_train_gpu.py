"""Training on a CUDA device: graphs, half precision, and views rendered there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_method import SMALL, TinyConfig, use_tiny

from reference_impl import data, registry
from reference_impl.augment import POLICIES, draw, render
from reference_impl.method import Batch, Method, Preset, StepOutput
from reference_impl.train import RunSpec, train
from reference_impl.train.session import Session

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

SPEC = RunSpec("tiny", data="digits", steps=20, device="cuda", log_every=5)


class Apart(Method):
    """Two views whose features should agree and vary; its step has no state and no randomness."""

    name = "apart"

    def step(self, batch: Batch) -> StepOutput:
        first, second = (self.encoder(view) for view in batch.views)
        loss = (first - second).square().mean() - first.std(0).mean()
        return StepOutput(loss, features=(first.detach(),))


@pytest.mark.parametrize("accum", [1, 2])
def test_a_graph_gives_the_gradients_of_plain_calls(
    accum: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(SMALL, optimizer="sgd", base_lr=0.01)
    entry: Any = registry.Entry("apart", Apart, {"small": Preset(TinyConfig(), recipe, "")}, ())
    monkeypatch.setattr(registry, "get", lambda name: entry)
    weights = []
    for graph in (False, True):
        session = Session.start(replace(SPEC, cuda_graph=graph, accum=accum), "cuda:0")
        for parts in session.batches():
            session.updater.update(session.done, parts, watched=False)
            session.done += 1
        weights.append(dict(session.method.named_parameters()))
    for name, plain in weights[0].items():
        torch.testing.assert_close(weights[1][name], plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bfloat16", "float16"])
def test_half_precision_trains(precision: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny(monkeypatch)
    result = train(replace(SPEC, precision=precision))
    assert result.final["knn_acc"] > 0.3


def test_views_are_those_of_the_cpu_for_the_same_draws() -> None:
    images = data.load("procedural", "cuda", images=64)
    draws = draw(64, torch.Generator().manual_seed(0))
    policy = POLICIES["byol"].views[1]
    there = render(images.train.pixels, draws.cuda(), policy).cpu()
    here = render(images.train.pixels.cpu(), draws, policy)
    # Solarisation has a threshold, which a rounding error can cross at single pixels.
    assert float(((there - here).abs() > 1e-3).float().mean()) < 1e-3


def test_procedural_images_do_not_depend_on_the_device() -> None:
    there = data.load("procedural", "cuda", images=200).train.pixels.cpu().int()
    here = data.load("procedural", images=200).train.pixels.int()
    assert float(((there - here).abs() > 1).float().mean()) < 1e-3
