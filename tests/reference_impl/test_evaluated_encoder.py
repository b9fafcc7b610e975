"""Probes judge the network that the field judges: an averaged one where the paper reports it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_method import Tiny, use_tiny

from reference_impl import encoders, registry
from reference_impl.method import Method
from reference_impl.probes import Probe
from reference_impl.train import RunSpec, loop, train
from reference_impl.train.session import Session

AVERAGED = {"dino": "teacher.encoder", "i_jepa": "target"}


def small(name: str) -> Method:
    """Return a method with its small preset on the encoder it trains with by default."""
    encoder = encoders.build(RunSpec(name).encoder_name, 1, 28)
    entry = registry.get(name)
    return entry.cls(encoder, entry.preset("small").config)


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_the_evaluated_encoder_is_the_papers(name: str) -> None:
    method = small(name)
    assert method.evaluated_encoder is method.get_submodule(AVERAGED.get(name, "encoder"))


def test_a_run_probes_the_evaluated_encoder_before_and_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_tiny(monkeypatch)
    monkeypatch.setattr(Tiny, "evaluated_encoder", property(lambda self: self.target))
    judged: list[torch.nn.Module] = []
    trained: list[Tiny] = []

    def keep(encoder: Any, images: Any, *, linear: bool) -> Probe:
        judged.append(encoder)
        return Probe(0.5, 0.5 if linear else None)

    start = Session.start

    def kept(spec: RunSpec, device: str) -> Any:
        session = start(spec, device)
        trained.append(session.method)
        return session

    monkeypatch.setattr(loop, "probe", keep)
    monkeypatch.setattr(Session, "start", kept)
    final = train(RunSpec("tiny", data="digits", steps=2, probe_every=1)).final
    assert {"knn_acc", "knn_acc_random", "lin_acc", "lin_acc_random"} <= set(final)
    assert len(judged) == 3
    assert all(encoder is trained[0].target for encoder in judged)
