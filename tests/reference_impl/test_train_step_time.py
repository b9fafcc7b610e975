"""Times that our own trainer logs through the monitor."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from tiny_method import use_tiny

import ingest
from reference_impl.train import RunSpec, loop, train
from reference_impl.train.update import Updater


def test_a_step_time_is_that_of_one_update_without_probes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_tiny(monkeypatch)
    update, probed = Updater.update, loop._Run._probed

    def slow_update(self: Any, *args: Any, **options: Any) -> Any:
        time.sleep(0.1)
        return update(self, *args, **options)

    def slow_probe(self: Any, **options: Any) -> Any:
        time.sleep(0.5)
        return probed(self, **options)

    monkeypatch.setattr(Updater, "update", slow_update)
    monkeypatch.setattr(loop._Run, "_probed", slow_probe)
    spec = RunSpec("tiny", data="digits", steps=13, log_every=4, probe_every=4, out=tmp_path)
    train(spec)
    times = ingest.open_run(tmp_path).series["step_time"]
    assert times.steps.tolist() == [4, 8, 12]
    assert all(0.1 <= seconds < 0.35 for seconds in times.values)
