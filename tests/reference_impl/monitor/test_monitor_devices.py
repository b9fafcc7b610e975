"""Copies from accelerators, on stand-ins: which devices are waited for before a copy is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from reference_impl.monitor import Monitor
from reference_impl.monitor.sample import Sample, to_host


class Elsewhere(torch.Tensor):  # type: ignore[misc]
    """A tensor on the host that says it is on another device, and so does what is made of it."""

    where = torch.device("cuda", 1)

    @property
    def device(self) -> torch.device:
        return self.where


class OnFirst(Elsewhere):
    where = torch.device("cuda", 0)


def on(kind: type[Elsewhere], *shape: int) -> Any:
    """Return a tensor that is said to be on a device."""
    return torch.randn(shape).as_subclass(kind)


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Stand-ins for CUDA's events; what was recorded and waited for, in order."""
    happened: list[tuple[str, Any]] = []
    current: list[Any] = [None]

    @contextlib.contextmanager
    def device(which: Any) -> Iterator[None]:
        before, current[0] = current[0], which
        yield
        current[0] = before

    class Event:
        def record(self) -> None:
            self.device = current[0]
            happened.append(("recorded", self.device))

        def synchronize(self) -> None:
            happened.append(("waited", self.device))

    empty = torch.empty

    def pageable(shape: Any, *, dtype: Any, pin_memory: bool) -> Any:
        assert pin_memory
        return empty(shape, dtype=dtype)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch, "empty", pageable)
    return happened


def test_each_gpu_that_was_copied_from_is_waited_for(marks: list[tuple[str, Any]]) -> None:
    sample = Sample(0)
    sample.add({"loss": on(OnFirst)})
    sample.embeddings = (sample.rows(on(Elsewhere, 4, 3), 512), sample.rows(torch.ones(4, 3), 512))
    sample.mark()
    devices = {torch.device("cuda", 0), torch.device("cuda", 1)}
    assert {one for what, one in marks if what == "recorded"} == devices
    sample.wait()
    assert {one for what, one in marks if what == "waited"} == devices
    assert len(marks) == 4


def test_a_loss_as_a_number_does_not_hide_that_embeddings_are_on_a_gpu(
    tmp_path: Path, marks: list[tuple[str, Any]]
) -> None:
    with Monitor(tmp_path, every=1, spectra_every=1) as monitor:
        monitor.observe(1.0, z=on(Elsewhere, 4, 3))
        assert marks[0] == ("recorded", torch.device("cuda", 1))
        assert monitor._thread is not None
        monitor.observe(1.0)  # nothing of it is on a GPU, but it must not overtake the first
    assert ("waited", torch.device("cuda", 1)) in marks
    assert [line[:9] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [
        '{"step": ' for _ in range(2)
    ]


def test_the_host_is_asked_for_from_any_other_device() -> None:
    asked: list[Any] = []

    class Fake:
        device = torch.device("mps")

        def detach(self) -> Fake:
            return self

        def to(self, where: str, *, copy: bool) -> str:
            asked.append((where, copy))
            return "copied"

    fake: Any = Fake()
    copied: Any = to_host(fake)
    assert copied == "copied"
    assert asked == [("cpu", True)]
