"""The script for a lent GPU: its dry run on the CPU, saving, resuming, and steps that fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gpu_lab
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
    assert results(out)["verify"]["exit_code"] == 0


def test_steps_are_ordered_by_value_and_cuda_has_more() -> None:
    names = list(steps(Setting("cuda", small=False)))
    assert names[0] == "verify"
    assert names[1].startswith("images/simclr")
    assert "images/vicreg/bfloat16 graph" in names
    assert "loss/nt_xent ours/65536" in names
    assert "images/vicreg/bfloat16 graph" not in steps(Setting("cpu", small=True))


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
