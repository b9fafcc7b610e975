"""The script for a lent GPU: its dry run on the CPU, saving, resuming, and steps that fail."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import gpu_lab, gpu_steps
from benchmarks.gpu_steps import Setting, steps

SMALL = ["--device", "cpu", "--small"]


def results(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())["steps"]
    return found


def test_losses_are_measured_and_agree_with_eager(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    assert gpu_lab.main(["--out", str(out), *SMALL, "loss"]) == 0
    found = results(out)
    for loss in ("nt_xent", "vicreg"):
        for batch in (64, 128):
            ours, eager = (found[f"loss/{loss} {side}/{batch}"] for side in ("ours", "eager"))
            assert ours["value"] == pytest.approx(eager["value"], rel=1e-4)
            assert ours["ms"] > 0
    assert "torch" in json.loads(out.read_text())["environment"]


@pytest.mark.slow
def test_training_speed_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    assert gpu_lab.main(["--out", str(out), *SMALL, "images/simclr/float32", "verify"]) == 0
    assert results(out)["images/simclr/float32"]["images_per_s"] > 0
    verified = results(out)["verify"]
    assert (verified["exit_code"], verified["failed"]) == (0, [])
    assert verified["checks"] > 50
    assert verified["largest_error"]["value float64"] < 1e-6
    # Two thousand checks in full would be most of the file.
    assert len(json.dumps(verified)) < 2000


def test_steps_are_ordered_by_value_and_cuda_has_more() -> None:
    names = list(steps(Setting("cuda", small=False)))
    assert names[0] == "verify"
    assert names[1].startswith("images/simclr")
    assert "images/vicreg/bfloat16 graph" in names
    assert "loss/nt_xent ours/65536" in names
    assert "images/vicreg/bfloat16 graph" not in steps(Setting("cpu", small=True))


def test_each_step_sets_the_precision_it_is_measured_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products in TF32 stayed on from one step to the losses after it, and off before it."""
    seen: list[bool] = []

    def measured(*_: object) -> float:
        seen.append(torch.backends.cuda.matmul.allow_tf32)
        return 1.0

    monkeypatch.setattr(gpu_steps, "seconds_of", measured)
    session = SimpleNamespace(start=lambda *_: SimpleNamespace(batches=lambda: iter(())))
    monkeypatch.setattr(gpu_steps, "Session", session)
    setting = Setting("cpu", small=True)
    try:
        gpu_steps.our_speed(setting, "simclr", {"precision": "tf32"})
        gpu_steps.loss_cost(setting, "nt_xent eager", 8)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = True
    assert seen == [True, False]


def test_memory_is_measured_without_the_gradients_of_the_call_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were freed within the call, so that its own seemed to cost nothing."""
    held: list[bool] = []
    views: list[torch.Tensor] = []

    def loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        views[:] = [first, second]
        return (first * second).sum()

    def memory(once: Callable[[], None], device: str) -> None:
        held.extend(view.grad is not None for view in views)

    monkeypatch.setattr(gpu_steps, "LOSSES", {"a test's": (loss, 4)})
    monkeypatch.setattr(gpu_steps, "peak_mib", memory)
    gpu_steps.loss_cost(Setting("cpu", small=True), "a test's", 8)
    assert held == [False, False]


def test_failing_gpu_tests_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def ran(*_: object, **__: object) -> object:
        return SimpleNamespace(returncode=1, stdout="1 failed", stderr="")

    monkeypatch.setattr(subprocess, "run", ran)
    with pytest.raises(RuntimeError, match="exit code 1: 1 failed"):
        gpu_steps.gpu_tests()


def test_a_cut_off_lease_goes_on_and_a_failed_step_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    broken = [True]

    def first() -> Mapping[str, Any]:
        done.append("first")
        return {"ms": 1.0}

    def second() -> Mapping[str, Any]:
        done.append("second")
        if broken[0]:
            raise RuntimeError("no such kernel")
        return {"ms": 2.0}

    def third() -> Mapping[str, Any]:
        done.append("third")
        if broken[0]:
            raise KeyboardInterrupt  # the lease ends
        return {"ms": 3.0}

    monkeypatch.setattr(
        gpu_lab, "steps", lambda _: {"first": first, "second": second, "third": third}
    )
    arguments = ["--out", str(tmp_path / "gpu.json"), *SMALL]
    with pytest.raises(KeyboardInterrupt):
        gpu_lab.main(arguments)
    assert results(tmp_path / "gpu.json")["second"]["error"] == "RuntimeError: no such kernel"
    broken[0] = False
    done.clear()
    assert gpu_lab.main(arguments) == 0
    assert done == ["second", "third"]
    assert [one["ms"] for one in results(tmp_path / "gpu.json").values()] == [1.0, 2.0, 3.0]
    done.clear()
    assert gpu_lab.main([*arguments, "--minutes", "-1", "--again"]) == 0
    assert done == []
