"""The monitor in a loop: what it writes, that it changes nothing, that it keeps to its budget."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

import assistant
import ingest
from kb.vocabulary import vocabulary
from reference_impl.ema import frozen_copy
from reference_impl.monitor import Monitor


def trained(steps: int, monitor: Monitor | None) -> dict[str, Any]:
    """Train a small network with dropout and return its weights."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Dropout(0.2))
    model = nn.Sequential(backbone, nn.Linear(24, 8))
    teacher = frozen_copy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        first, second = torch.randn(16, 12), torch.randn(16, 12)
        features = backbone(first)
        embeddings = model[1](features), model(second)
        loss = mse_loss(*embeddings)
        loss.backward()
        if monitor is not None:
            probabilities = embeddings[0].detach().softmax(dim=1)
            monitor.observe(
                loss,
                h=features,
                z=embeddings,
                teacher=probabilities,
                model=model,
                target=teacher,
                online=model,
                lr=0.1,
            )
        optimizer.step()
        optimizer.zero_grad()
    return dict(model.state_dict())


def records(folder: Path) -> list[dict[str, float]]:
    """Return the lines of a monitor's log."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_weights_are_the_same_bit_for_bit_with_and_without(tmp_path: Path) -> None:
    with Monitor(tmp_path / "run", every=1, spectra_every=1, budget=None) as monitor:
        watched = trained(20, monitor)
    alone = trained(20, None)
    assert all(torch.equal(watched[name], alone[name]) for name in alone)


def test_scalars_come_often_and_ranks_seldom(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=2, spectra_every=10, budget=None) as monitor:
        trained(21, monitor)
    written = records(tmp_path)
    assert [one["step"] for one in written] == list(range(0, 21, 2))
    assert [one["step"] for one in written if "rankme_z" in one] == [0, 10, 20]
    assert {"loss", "lr", "step_time", "data_time"} <= written[-1].keys()
    expected = {"rankme_h", "erank_h", "erank_z", "z_std", "raw_std", "pos_sim", "neg_sim"}
    expected |= {"align", "uniform", "dead_dims", "grad_norm", "ema_dist", "teacher_entropy"}
    assert expected <= written[-1].keys()


def test_every_name_is_one_of_the_vocabulary(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1, spectra_every=1, budget=None) as monitor:
        trained(3, monitor)
    names = {name for record in records(tmp_path) for name in record}
    assert all(vocabulary().metric(name).name == name for name in names)


def test_the_log_is_read_as_a_run_and_a_collapse_is_called_sick(tmp_path: Path) -> None:
    config = {"method": "simclr", "batch_size": 32, "temperature": 0.5, "dim": 16}
    point = torch.ones(32, 16)
    with Monitor(tmp_path, config=config, every=1, spectra_every=1, budget=None) as monitor:
        for _ in range(300):
            monitor.observe(math.log(63), h=point, z=(point, point))
    run = ingest.open_run(tmp_path)
    assert run.config["batch_size"] == 32
    assert set(run.series) >= {"loss", "z_std", "rankme_h", "pos_sim"}
    answer = assistant.diagnose(run)
    assert answer.verdict == "sick"
    assert "collapse/complete" in [one.entry.id for one in answer.diagnoses]


def test_a_budget_keeps_ranks_out_of_fast_loops(tmp_path: Path) -> None:
    rows = torch.randn(256, 256)
    with Monitor(tmp_path, every=1, spectra_every=1, budget=1e-9) as monitor:
        for _ in range(50):
            monitor.observe(1.0, h=rows, z=rows)
    measured = [one["step"] for one in records(tmp_path) if "rankme_h" in one]
    assert measured == [0]


def test_a_resumed_run_goes_on_in_its_file_after_half_a_line(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1) as monitor:
        monitor.observe(1.0, step=0)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1, "lo')
    with Monitor(tmp_path, every=1, resume=True) as monitor:
        monitor.observe(2.0, step=2)
    run = ingest.open_run(tmp_path)
    assert run.series["loss"].steps.tolist() == [0, 2]
    assert run.series["loss"].values.tolist() == [1.0, 2.0]


def test_nan_is_written_as_the_finding_it_is(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1, spectra_every=1, budget=None) as monitor:
        monitor.observe(torch.tensor(math.nan), z=torch.full((4, 3), math.nan))
    (record,) = records(tmp_path)
    assert math.isnan(record["loss"])
    assert record["nan_count"] == 12


def test_waiting_for_data_is_measured(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1) as monitor:
        for batch in monitor.timed([1.0, 2.0, 3.0]):
            monitor.observe(batch)
    written = records(tmp_path)
    assert [one["loss"] for one in written] == [1.0, 2.0, 3.0]
    assert all(0 <= one["data_time"] < one["step_time"] for one in written[1:])


def test_a_step_time_is_that_of_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(float(second) for second in range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    with Monitor(tmp_path, every=4) as monitor:
        for _ in range(9):
            monitor.observe(1.0)
        monitor.observe(1.0, step=12, step_time=0.5)
    written = records(tmp_path)
    assert "step_time" not in written[0]
    assert written[1]["step_time"] == written[2]["step_time"] == 2.0
    assert written[3]["step_time"] == 0.5


def test_a_step_without_a_loss_still_has_its_embeddings(tmp_path: Path) -> None:
    with Monitor(tmp_path, every=1, spectra_every=1) as monitor:
        monitor.observe(None, z=torch.randn(8, 4))
    (record,) = records(tmp_path)
    assert "loss" not in record
    assert "rankme_z" in record


def test_a_cadence_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="every is 0, expected at least 1"):
        Monitor(tmp_path, every=0)
