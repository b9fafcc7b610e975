"""What goes wrong in the monitor must not end the training that it watches."""

from __future__ import annotations

import errno
import json
import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from reference_impl.monitor import Monitor
from reference_impl.monitor.log import RunLog

ALWAYS: dict[str, Any] = {"every": 1, "spectra_every": 1, "budget": None}


def records(folder: Path) -> list[dict[str, float]]:
    """Return the lines of a monitor's log."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def test_views_of_different_sizes_have_no_agreement(tmp_path: Path) -> None:
    with Monitor(tmp_path, **ALWAYS) as monitor, warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.observe(1.0, z=(torch.randn(64, 8), torch.randn(192, 8)))
    (record,) = records(tmp_path)
    assert "rankme_z" in record
    assert "pos_sim" not in record


def test_what_cannot_be_measured_is_warned_of_once_and_the_rest_is_kept(tmp_path: Path) -> None:
    monitor = Monitor(tmp_path, **ALWAYS)
    broken = torch.tensor(0.0)
    with pytest.warns(RuntimeWarning, match=r"monitor failed at copying h.*training goes on"):
        monitor.observe(1.0, h=broken, lr=0.1)
    with warnings.catch_warnings(), monitor:
        warnings.simplefilter("error")
        for _ in range(2):
            monitor.observe(1.0, h=broken, lr=0.1)
    assert [(one["loss"], one["lr"]) for one in records(tmp_path)] == [(1.0, 0.1)] * 3


def test_a_metric_that_fails_leaves_the_scalars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("linalg.eigh: did not converge")

    monkeypatch.setattr("reference_impl.monitor.monitor.measured", fails)
    with Monitor(tmp_path) as monitor, pytest.warns(RuntimeWarning, match="did not converge"):
        monitor.observe(2.0, z=torch.randn(4, 3))
    assert records(tmp_path)[0]["loss"] == 2.0


def test_a_full_disk_loses_records_and_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = RunLog.write

    def full(log: RunLog, record: Any) -> None:
        if record["step"] in {1, 2}:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(log, record)

    monkeypatch.setattr(RunLog, "write", full)
    monitor = Monitor(tmp_path, every=1)
    monitor.observe(1.0)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        monitor.observe(1.0)
    with warnings.catch_warnings(), monitor:
        warnings.simplefilter("error")
        for _ in range(2):
            monitor.observe(1.0)
        monitor.record(2, knn_acc=0.5)
    assert [one["step"] for one in records(tmp_path)] == [0, 3]


def test_half_a_line_on_a_full_disk_is_closed_before_the_next(tmp_path: Path) -> None:
    log = RunLog(tmp_path, {})
    log.write({"step": 0})
    file: Any = log._file
    log._file = cast(Any, Short(file))
    with pytest.raises(OSError, match="in part"):
        log.write({"step": 1})
    log._file = file
    log.write({"step": 2})
    log.close()
    text = (tmp_path / "metrics.jsonl").read_text()
    assert text == '{"step": 0}\n{"st\n{"step": 2}\n'


class Short:
    """A file on a disk with room for four bytes."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, content: bytes) -> int:
        return int(self.file.write(content[:4]))


@pytest.mark.parametrize(
    ("shape", "over"), [((6, 9, 4), (1,)), ((6, 4, 3, 3), (2, 3)), ((6, 4, 2, 3, 3), (2, 3, 4))]
)
def test_feature_maps_and_tokens_are_averaged_over_positions(
    tmp_path: Path, shape: tuple[int, ...], over: tuple[int, ...]
) -> None:
    wide = torch.randn(shape)
    with Monitor(tmp_path / "wide", **ALWAYS) as monitor:
        monitor.observe(1.0, h=wide, z=wide)
    with Monitor(tmp_path / "flat", **ALWAYS) as monitor:
        monitor.observe(1.0, h=wide.mean(over), z=wide.mean(over))
    (wide_record,), (flat_record,) = records(tmp_path / "wide"), records(tmp_path / "flat")
    assert wide_record == pytest.approx(flat_record, rel=1e-4)


def test_every_token_of_a_teacher_is_a_row_of_its_own(tmp_path: Path) -> None:
    certain = torch.eye(4).reshape(2, 2, 4)
    with Monitor(tmp_path, **ALWAYS) as monitor:
        monitor.observe(1.0, teacher=certain)
    (record,) = records(tmp_path)
    assert record["teacher_entropy"] == 0.0
    assert record["proto_perplexity"] == pytest.approx(4.0)
