"""Simulated runs on disk: plain parsers of our own read back what was written."""

from __future__ import annotations

import csv
import json
import math
import re
import struct
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.simulated import Simulated, faulty, healthy
from benchmarks.simulated.__main__ import main
from benchmarks.simulated.writers import FORMATS, write_corpus
from benchmarks.simulated.writers.events import masked_crcs
from benchmarks.simulated.writers.rows import points
from ingest.runs.open import open_run
from kb.errors import UsageError

SEED = 3
SHORT = 400


@pytest.fixture(scope="module")
def runs() -> list[Simulated]:
    """A resumed run, a NaN run, per-epoch and per-step runs, all short."""
    drawn = chain(
        healthy(60, SEED),
        faulty("numerics/nan-hunting", 8, SEED),
        faulty("ckpt/auxiliary-state-missing", 8, SEED),
    )
    return [one for one in drawn if len(one.run.series["loss"]) <= SHORT]


def _by_clock(runs: list[Simulated], clock: str) -> list[Simulated]:
    return [one for one in runs if one.parameters["clock"] == clock][:6]


def _same(found: list[float], one: Simulated, rel: float = 1e-12, metric: str = "loss") -> bool:
    return bool(np.allclose(found, one.run.series[metric].values, rtol=rel, atol=0, equal_nan=True))


def _write(one: Simulated, kind: str, folder: Path) -> Path:
    folder.mkdir()
    FORMATS[kind](one, folder)
    return folder


def _events(data: bytes) -> list[tuple[int, bytes]]:
    """Return (offset, event) of each record, checking both CRCs."""
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = data[at + 12 : at + 12 + length]
        stored = struct.unpack_from("<I", data, at + 8) + struct.unpack_from(
            "<I", data, at + 12 + length
        )
        made = [
            int(masked_crcs(np.frombuffer(part, np.uint8)[None])[0])
            for part in (data[at : at + 8], event)
        ]
        assert list(stored) == made
        found.append((at, event))
        at += 16 + length
    return found


def _scalars(event: bytes) -> tuple[str, float] | None:
    found = re.search(rb"\x2a.\x0a.\x0a(.)([ -~]+?)\x15(.{4})$", event, re.DOTALL)
    if found is None:
        return None
    assert found[1][0] == len(found[2])
    return found[2].decode(), struct.unpack("<f", found[3])[0]


def test_crc_is_that_of_the_standard_check_value() -> None:
    crc = 0xE3069283  # of "123456789", RFC 3720 appendix B.4's polynomial
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    block = np.frombuffer(b"123456789", np.uint8)[None]
    assert int(masked_crcs(block)[0]) == masked


def test_json_lines_hold_every_value_in_log_order(runs: list[Simulated], tmp_path: Path) -> None:
    for one in runs[:12]:
        folder = _write(one, "jsonl", tmp_path / one.name)
        records = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
        assert _same([record["loss"] for record in records], one)
        assert [r["step"] for r in records] == one.run.series["loss"].steps.tolist()
        if "knn_acc" in one.run.series:
            found = [r["knn_acc"] for r in records if "knn_acc" in r]
            assert _same(found, one, metric="knn_acc")


def test_lightning_csv_has_blank_cells_and_percent_accuracies(
    runs: list[Simulated], tmp_path: Path
) -> None:
    accuracies = 0
    for one in runs[:20]:
        folder = _write(one, "lightning_csv", tmp_path / one.name) / "lightning_logs/version_0"
        with (folder / "metrics.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        assert _same([float(r["train_loss"]) for r in table if r["train_loss"]], one)
        if "lr" in one.run.series:
            (name,) = [column for column in table[0] if column.startswith("lr-")]
            rates = [row for row in table if row[name]]
            assert all(row["train_loss"] == "" == row["epoch"] for row in rates)
        if "knn_acc" in one.run.series:
            found = [float(r["val_knn_acc1"]) / 100 for r in table if r["val_knn_acc1"]]
            assert _same(found, one, metric="knn_acc")
            accuracies += 1
        settings = yaml.safe_load((folder / "hparams.yaml").read_text())
        assert ("batch_size" in settings) == ("batch_size" in one.run.config)
    assert accuracies


def test_dino_log_has_a_line_an_epoch(runs: list[Simulated], tmp_path: Path) -> None:
    for one in _by_clock(runs, "epoch"):
        folder = _write(one, "dino_log_txt", tmp_path / one.name)
        records = [json.loads(line) for line in (folder / "log.txt").open()]
        assert [record["epoch"] for record in records] == list(range(len(records)))
        assert _same([record["train_loss"] for record in records], one)
        assert all(list(record)[-1] == "epoch" for record in records)


@pytest.mark.parametrize("clock", ["epoch", "step"])
def test_a_meter_prints_value_and_running_mean(
    clock: str, runs: list[Simulated], tmp_path: Path
) -> None:
    for one in _by_clock(runs, clock):
        lines = (_write(one, "meter", tmp_path / one.name) / "train.out").read_text().splitlines()
        assert lines[0].startswith("Namespace(")
        printed = [re.search(r"Loss (\S+) \((\S+)\)", line) for line in lines[1:]]
        assert _same([float(found[1]) for found in printed if found], one, rel=1e-4)
        means = [float(found[2]) for found in printed if found]
        values = one.run.series["loss"].values
        running = np.cumsum(values) / np.arange(1, values.size + 1)
        assert np.allclose(means, running, rtol=1e-4)
        if clock == "step":
            head = re.match(r"Epoch: \[(\d+)\]\[ *(\d+)/(\d+)\]", lines[-1])
            assert head is not None
            assert int(head[2]) < int(head[3])


def test_trainer_state_keeps_evaluation_apart(runs: list[Simulated], tmp_path: Path) -> None:
    evaluated = 0
    for one in runs[:30]:
        folder = _write(one, "hf_trainer_state", tmp_path / one.name)
        state = json.loads((folder / "trainer_state.json").read_text())
        history = state["log_history"]
        assert _same([entry["loss"] for entry in history if "loss" in entry], one)
        if "lr" in one.run.series:
            rates = [entry["learning_rate"] for entry in history if "loss" in entry]
            assert _same(rates, one, metric="lr")
        if "val/loss" in one.run.series:
            evaluations = [entry for entry in history if "eval_loss" in entry]
            assert all("loss" not in entry for entry in evaluations)
            assert _same([entry["eval_loss"] for entry in evaluations], one, metric="val/loss")
            evaluated += 1
    assert evaluated


def test_event_files_hold_every_scalar_with_valid_checksums(
    runs: list[Simulated], tmp_path: Path
) -> None:
    for one in runs[:4]:
        folder = _write(one, "tensorboard", tmp_path / one.name)
        (path,) = (folder / "tb").iterdir()
        events = _events(path.read_bytes())
        assert b"brain.Event:2" in events[0][1]
        scalars = [_scalars(event) for _, event in events[1:]]
        loss = [pair[1] for pair in scalars if pair and pair[0] == "train/loss"]
        assert _same(loss, one, rel=1e-6)
        assert len(scalars) == sum(len(series) for series in one.run)


@pytest.mark.parametrize("kind", FORMATS)
def test_our_own_reader_reads_back_losses_steps_and_settings(
    kind: str, runs: list[Simulated], tmp_path: Path
) -> None:
    fits = _by_clock(runs, "epoch") if kind == "dino_log_txt" else runs[:5] + runs[-3:]
    for one in fits:
        read = open_run(_write(one, kind, tmp_path / one.name))
        assert _same(read.series["loss"].values.tolist(), one, rel=1e-4)
        assert np.array_equal(read.series["loss"].steps, one.run.series["loss"].steps)
        assert {name: read.config.get(name) for name in one.run.config} == one.run.config


def test_points_of_a_resumed_run_are_found_by_order_not_by_step() -> None:
    dense = np.array([0, 1, 2, 3, 2, 3, 4, 5])
    assert points(dense, dense[1::2]).tolist() == [1, 3, 5, 7]
    with pytest.raises(ValueError, match="every k-th"):
        points(dense, np.array([0, 4]))


def test_truth_labels_every_run_and_folders_do_not_give_it_away(
    runs: list[Simulated], tmp_path: Path
) -> None:
    mixed = runs[:15] + runs[-6:]
    write_corpus(mixed, tmp_path / "corpus")
    truth = [json.loads(line) for line in (tmp_path / "corpus/truth.jsonl").open()]
    assert {line["healthy"] for line in truth} == {True, False}
    for one, line in zip(mixed, truth, strict=True):
        assert (tmp_path / "corpus" / line["run"]).is_dir()
        assert re.fullmatch(r"run\d{5}", line["run"])
        assert line["healthy"] == (one.truth is None) == (line["labels"] == {})
        if one.truth is not None:
            assert line["labels"][one.truth] == 2
            assert set(line["labels"].values()) <= {1, 2}
        assert line["format"] != "dino_log_txt" or one.parameters["clock"] == "epoch"
    assert len({line["format"] for line in truth}) >= 4


def test_formats_and_folder_are_checked(runs: list[Simulated], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jsonl"):
        write_corpus(runs[:1], tmp_path / "a", ["json"])
    with pytest.raises(UsageError, match="by step"):
        write_corpus(runs[:1], tmp_path / "a", ["dino_log_txt"])
    (tmp_path / "kept").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        write_corpus(runs[:1], tmp_path)
    assert (tmp_path / "kept").read_text() == "x"


def test_the_command_writes_a_corpus_and_reports_bad_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--healthy", "2", "--per-fault", "1", "--faults", "collapse/complete"]
    assert main([str(tmp_path / "runs"), *asked, "--formats", "jsonl"]) == 0
    assert len((tmp_path / "runs/truth.jsonl").read_text().splitlines()) == 3
    assert main([str(tmp_path / "runs"), *asked]) == 2
    assert "not empty" in capsys.readouterr().err


def test_values_that_are_not_finite_are_written_as_logged(tmp_path: Path) -> None:
    (one,) = faulty("numerics/fp16-logit-overflow", 1, SEED)
    text = (_write(one, "jsonl", tmp_path / "run") / "metrics.jsonl").read_text()
    assert '"loss": NaN' in text
    assert math.isnan(one.run.series["loss"].values[-1])
