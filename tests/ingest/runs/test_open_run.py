"""Claims: a path becomes a Run, by itself or as told, and every slip is one clear line."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ingest
from ingest.runs import open as opening
from kb.errors import InputUnreadable, UsageError

CSV = (
    "epoch,lr-Adam,step,train_loss_epoch,train_loss_step,knn_top1\n"
    ",0.001,0,,,\n0,,0,,4.1,\n0,,9,,3.9,\n0,,9,4.0,,55.0\n"
)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "lightning_logs" / "version_0"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text(CSV)
    (folder / "hparams.yaml").write_text("temperature: 0.2\noptimizer:\n  lr: 1e-3\n")
    (tmp_path / "run" / "config.json").write_text('{"method": "SimCLR", "batch_size": 32}')
    return tmp_path / "run"


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_run_folder_becomes_a_run(run_folder: Path) -> None:
    run = ingest.open_run(run_folder)
    assert run.config == {"method": "simclr", "batch_size": 32, "temperature": 0.2, "lr": 0.001}
    assert run.series["loss"].values.tolist() == [4.1, 3.9]
    assert run.series["loss"].logged_as == "train_loss_step"
    assert run.series["knn_acc"].values.tolist() == [0.55]
    assert set(run.unknown) == {"train_loss_epoch"}
    assert run.source == str(run_folder / "lightning_logs/version_0/metrics.csv")
    assert run.files == (os.path.realpath(run.source),)
    assert run.settings["optimizer.lr"] == 0.001
    assert run.updated == (run_folder / "lightning_logs/version_0/metrics.csv").stat().st_mtime


def test_the_same_run_is_read_from_every_level(run_folder: Path) -> None:
    logs = run_folder / "lightning_logs"
    paths = [run_folder, logs, logs / "version_0", logs / "version_0/metrics.csv"]
    runs = [ingest.open_run(str(path)) for path in paths]
    assert all(run.config == runs[0].config for run in runs)
    assert all(run.series.keys() == runs[0].series.keys() for run in runs)


def test_nothing_is_written(run_folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")}
    ingest.open_run(run_folder)
    assert {path: path.stat().st_mtime_ns for path in run_folder.rglob("*")} == before


def test_names_and_settings_of_the_user_go_before_all_others(run_folder: Path) -> None:
    run = ingest.open_run(
        run_folder, names={"train_loss_epoch": "loss"}, settings={"tau": 0.5, "batch_size": 64}
    )
    assert run.series["loss"].values.tolist() == [4.0]
    assert (run.config["temperature"], run.config["batch_size"]) == (0.5, 64)
    assert any("temperature is 0.5 by temperature in --set" in one.text for one in run.findings)


@pytest.mark.parametrize(
    ("names", "settings", "message"),
    [
        ({"trian_loss_step": "loss"}, {}, 'not in the log, did you mean "train_loss_step"?'),
        ({"knn_top1": "knn"}, {}, 'unknown metric "knn"'),
        ({}, {"bach_size": 3}, 'unknown setting "bach_size", did you mean "batch_size"?'),
        ({}, {"batch_size": -3}, '"-3" is no batch_size that is known'),
        ({}, {"method": "no such thing"}, '"no such thing" is no method that is known'),
    ],
)
def test_a_slip_of_the_user_is_told(
    run_folder: Path, names: dict[str, str], settings: dict[str, str | int], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        ingest.open_run(run_folder, names=names, settings=settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_runs_of_a_folder_are_listed_and_opened(run_folder: Path) -> None:
    other = run_folder.parent / "other.csv"
    other.write_text(CSV)
    os.utime(other, (1, 1))
    found = ingest.open_runs(run_folder.parent)
    assert [one.name for one in found] == ["run/lightning_logs/version_0", "other.csv"]
    assert opening.read_run(found[1]).series["loss"].values.tolist() == [4.1, 3.9]


def test_a_log_that_has_only_begun_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,train_loss\n")
    with pytest.raises(InputUnreadable, match="no metric values in this log, read as table"):
        ingest.open_run(path)


@pytest.mark.parametrize("pack", [lambda content: content, gzip.compress])
def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    assert callable(pack)
    stdin(monkeypatch, pack(b'{"step": 0, "loss": 4.0}\n{"step": 5, "loss": NaN}\n'))
    run = ingest.open_run("-", settings={"batch_size": 32})
    assert run.series["loss"].steps.tolist() == [0, 5]
    assert (run.source, run.format, run.files) == ("stdin", "JSON lines", ())
    assert run.config == {"batch_size": 32}
    assert [one.kind for one in run.findings] == ["not finite"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "nothing, expected a run log"),
        (b"remember the milk\n", "no log of a format that is known"),
        (b"\x1f\x8bbroken", "damaged gzip data"),
        (b"x" * 101, "expected at most"),
        (gzip.compress(b"x" * 10_000, mtime=0), "expected at most"),
    ],
)
def test_what_is_no_log_on_standard_input_is_told(
    monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr(opening, "MAX_STDIN", 100)
    stdin(monkeypatch, content)
    with pytest.raises(InputUnreadable, match=message):
        ingest.open_run("-")


def test_importing_ingest_loads_no_numpy_and_reading_a_table_no_database() -> None:
    code = (
        "import sys, ingest\n"
        "assert 'numpy' not in sys.modules\n"
        "ingest.open_run\n"
        "import ingest.runs.formats.registry as r\n"
        "r.recognise('metrics.csv', b'step,train_loss\\n0,1\\n')\n"
        "assert not {'sqlite3', 'ingest.runs.formats.console', 'click'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
