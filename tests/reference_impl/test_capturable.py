"""Which methods a CUDA graph may replay, and that the trainer refuses the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_method import Tiny, use_tiny
from torch.utils._python_dispatch import TorchDispatchMode

from kb.errors import UsageError
from reference_impl import encoders, registry
from reference_impl.method import Batch, Method
from reference_impl.train import RunSpec, train

CAPTURABLE = sorted(name for name in registry.METHODS if registry.get(name).cls.capturable)
WAITS_OR_DRAWS_APART = {
    *("_local_scalar_dense", "_unique2", "nonzero", "bincount", "randperm"),
    # A Python number made a tensor: on a GPU a copy from the host that is waited for.
    "lift_fresh",
}
"""Operations that wait for the device, or draw where a graph cannot follow."""


class Operations(TorchDispatchMode):  # type: ignore[misc, unused-ignore]
    """Notes the names of all operations that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def plain_state(method: Method) -> dict[str, str]:
    """Return what a method keeps besides tensors and modules, as text."""
    return {
        name: repr(value)
        for name, value in vars(method).items()
        if isinstance(value, int | float | list) and name != "training"
    }


@pytest.mark.parametrize("name", CAPTURABLE)
def test_a_capturable_step_keeps_no_python_state_and_waits_for_nothing(name: str) -> None:
    torch.manual_seed(0)
    entry = registry.get(name)
    encoder = encoders.build("vit_mini" if name == "mae" else "small_cnn", 1, 28)
    method = entry.cls(encoder, entry.preset("small").config)
    images = tuple(torch.randn(128, 1, 28, 28) for _ in range(method.plan.views))
    texts = torch.zeros(128, 8, dtype=torch.long) if method.plan.texts else None
    batch = Batch(images, (), torch.arange(128) % 4, texts)
    before = plain_state(method)
    with Operations() as seen:
        method(batch).loss.backward()
    assert plain_state(method) == before
    method.after_update(0.5)
    assert plain_state(method) == before
    assert not seen.names & WAITS_OR_DRAWS_APART


def test_the_trainer_refuses_a_graph_of_a_method_with_python_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_tiny(monkeypatch)
    monkeypatch.setattr(Tiny, "capturable", False)
    with pytest.raises(UsageError, match="tiny cannot run as a CUDA graph"):
        train(RunSpec("tiny", data="digits", steps=2, cuda_graph=True))
