"""Claims: the newest run is found in every layout, in bounds, and what was not read is told."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from ingest.runs import walk as walking
from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.registry import file_formats, folder_formats, recognise
from ingest.runs.joined import JoinedSource
from ingest.runs.layout import home
from ingest.runs.locate import Located, find_runs, locate
from ingest.runs.log import Log
from ingest.runs.place import Place
from kb.errors import InputUnreadable

CSV = "epoch,step,train_loss\n0,0,4.0\n0,1,3.0\n"
JSONL = '{"step": 0, "loss": 4.0}\n{"step": 1, "loss": 3.0}\n'
NOW = 1_700_000_000


def put(path: Path, text: str = CSV, age: float = 0) -> Path:
    """Write a file as if `age` seconds before NOW."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (NOW - age, NOW - age))
    return path


def texts(located: Located, kind: str = "left out") -> list[str]:
    return [finding.text for finding in located.findings if finding.kind == kind]


def log_of(located: Located) -> Log:
    log = Log(located.logger)
    source = located.open(log)
    source.poll()
    source.close()
    return log


def test_a_file_is_its_own_run(tmp_path: Path) -> None:
    path = put(tmp_path / "anything.csv")
    found = locate(path)
    assert (found.path, found.format, found.source) == (path, "table", str(path))
    assert found.updated == NOW
    assert not found.findings


def test_a_file_of_unknown_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    assert locate(put(tmp_path / "losses.dat", JSONL)).format == "JSON lines"
    assert locate(put(tmp_path / "stats", JSONL)).format == "JSON lines"


def test_a_packed_file_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv.gz"
    path.write_bytes(gzip.compress(CSV.encode()))
    found = locate(path)
    assert found.format == "table"
    assert log_of(found).columns["train_loss"].arrays()[1].tolist() == [4, 3]


def test_the_newest_version_of_lightning_is_read(tmp_path: Path) -> None:
    for version, age in ((0, 30), (2, 10), (10, 20)):
        put(tmp_path / f"run/lightning_logs/version_{version}/metrics.csv", age=age)
    found = locate(tmp_path / "run")
    assert found.path == tmp_path / "run/lightning_logs/version_2/metrics.csv"
    assert found.name == "lightning_logs/version_2"
    assert texts(found) == ["the newest of 3 runs is read, lightning_logs/version_2"]


def test_of_one_age_the_highest_version_is_read(tmp_path: Path) -> None:
    for version in (0, 2, 10):
        put(tmp_path / f"lightning_logs/version_{version}/metrics.csv")
    assert locate(tmp_path).name == "lightning_logs/version_10"


def test_the_newest_run_of_a_folder_of_runs_is_read(tmp_path: Path) -> None:
    put(tmp_path / "a/metrics.csv", age=5)
    put(tmp_path / "b/log.txt", JSONL, age=1)
    put(tmp_path / "c/deep/er/metrics.jsonl", JSONL, age=9)
    found = locate(tmp_path)
    assert found.name == "b"
    assert texts(found) == ["the newest of 3 runs is read, b"]
    assert [run.name for run in find_runs(tmp_path)] == ["b", "a", "c/deep/er"]


def test_a_newer_file_that_is_no_log_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path / "a/metrics.csv", age=5)
    put(tmp_path / "b/metrics.csv", age=9)
    for name in ("notes.txt", "config.json", "model.pt", "README.md", "todo"):
        put(tmp_path / "b" / name, "remember the milk")
    found = locate(tmp_path)
    assert found.name == "a"
    assert texts(found) == ["the newest of 2 runs is read, a"]


def test_csv_files_side_by_side_are_a_run_each(tmp_path: Path) -> None:
    put(tmp_path / "seed0.csv", age=3)
    put(tmp_path / "seed1.csv", age=1)
    put(tmp_path / "seed2.csv", age=2)
    assert [run.name for run in find_runs(tmp_path)] == ["seed1.csv", "seed2.csv", "seed0.csv"]
    assert locate(tmp_path).path.name == "seed1.csv"


def test_a_log_called_as_one_is_not_passed_over_for_its_neighbours(tmp_path: Path) -> None:
    put(tmp_path / "metrics.csv", "step,train_loss,lr,z_std\n0,4,1,1\n1,3,1,1\n", age=9)
    put(tmp_path / "extra.csv", "step,grad_norm\n0,4\n")
    found = locate(tmp_path)
    assert found.path.name == "metrics.csv"
    assert texts(found) == ["other logs of this run are read for their settings only: extra.csv"]


def test_of_several_formats_the_one_with_most_metrics_is_read(tmp_path: Path) -> None:
    rows = "".join(f"0,{step},3.0\n" for step in range(99))
    put(tmp_path / "csv_logs/version_0/metrics.csv", CSV + rows, age=1)
    put(tmp_path / "log.txt", '{"step": 0, "loss": 4, "lr": 0.1, "grad_norm": 1, "x": 2}\n' * 3)
    found = locate(tmp_path)
    assert found.path.name == "log.txt"
    assert "csv_logs/version_0/metrics.csv" in texts(found)[0]
    assert len(find_runs(tmp_path)) == 1
    assert found.updated == NOW


def test_text_for_people_counts_last(tmp_path: Path) -> None:
    lines = "".join(f"Epoch: [0][{n}/9] Loss 4.0 lr 0.1 grad_norm 2.0\n" for n in range(9))
    put(tmp_path / "train.log", lines)
    assert locate(tmp_path).format == "console text"
    put(tmp_path / "metrics.csv")
    found = locate(tmp_path)
    assert found.format == "table"
    assert "train.log" in texts(found)[0]
    put(tmp_path / "metrics.csv", "step,my_own\n0,1\n")
    assert locate(tmp_path).format == "console text"


def test_settings_of_the_logs_that_are_not_read_are_kept(tmp_path: Path) -> None:
    put(tmp_path / "metrics.csv", "step,loss,lr,z_std\n0,4,1,1\n1,3,1,1\n")
    put(tmp_path / "log.jsonl", '{"config": {"batch_size": 128}}\n' + JSONL)
    layers, _ = locate(tmp_path).layers()
    assert {"batch_size": 128} in [dict(layer.values) for layer in layers]


@pytest.mark.parametrize("pattern", ["jepa_r{}.csv", "log_rank{}.csv", "train.rank-{}.csv"])
def test_of_several_processes_the_first_is_read(tmp_path: Path, pattern: str) -> None:
    for rank in (1, 0, 2):
        put(tmp_path / pattern.format(rank), "epoch,itr,loss\n1,0,0.4\n1,1,0.3\n", age=rank)
    (found,) = find_runs(tmp_path)
    assert found.path.name == pattern.format(0)
    assert texts(found, "several ranks") == ["3 processes have a log each; that of rank 0 is read"]


@pytest.mark.parametrize("names", [("jepa_r1.csv", "jepa_r2.csv"), ("simclr0.csv", "simclr1.csv")])
def test_numbered_files_are_processes_only_by_rank_and_from_zero(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    for name in names:
        put(tmp_path / name)
    assert len(find_runs(tmp_path)) == 2


def test_the_newest_state_of_the_checkpoints_is_read(tmp_path: Path) -> None:
    state = {"log_history": [{"step": n, "loss": 2.0, "epoch": n} for n in (1, 2)]}
    for step in (500, 1000):
        put(tmp_path / f"out/checkpoint-{step}/trainer_state.json", json.dumps(state))
    (found,) = find_runs(tmp_path)
    assert found.path.parent.name == "checkpoint-1000"
    assert found.name == "out"
    assert not found.findings


def events(path: Path, *points: tuple[int, float]) -> None:
    """Write JSON lines under the name of an event file, for `_LINES_AS_EVENTS`."""
    put(path, "".join(f'{{"step": {step}, "loss": {loss}}}\n' for step, loss in points))


@pytest.fixture
def lines_as_events(monkeypatch: pytest.MonkeyPatch) -> FileFormat:
    """Make a format of JSON lines in event files, so that joining is tested alone."""
    lines = next(one for one in file_formats() if one.name == "JSON lines")
    fake = FileFormat("TensorBoard events", "tensorboard", lambda name, _: 1.0, lines.make)
    monkeypatch.setattr(
        "ingest.runs.place.recognise", lambda name, head: fake if "tfevents" in name else None
    )
    return fake


def test_event_files_of_one_folder_are_joined_in_the_order_of_their_start(
    tmp_path: Path, lines_as_events: FileFormat
) -> None:
    events(tmp_path / "tb/events.out.tfevents.1700000900.host.7.0", (2, 2.0), (3, 1.0))
    events(tmp_path / "tb/events.out.tfevents.1700000100.host.9.0", (0, 4.0), (1, 3.0))
    (found,) = find_runs(tmp_path)
    log = log_of(found)
    assert log.columns["loss"].arrays()[1].tolist() == [4, 3, 2, 1]
    (finding,) = [one for one in log.findings if one.kind == "joined files"]
    assert finding.text.startswith("2 files of one run are read one after another: events.out.")


def test_a_new_event_file_is_read_on_and_a_rewritten_one_starts_all_over(
    tmp_path: Path, lines_as_events: FileFormat
) -> None:
    first, second = (tmp_path / f"events.out.tfevents.170000000{n}.h" for n in (1, 2))
    events(first, (0, 4.0), (1, 3.0))
    log = Log()
    source = locate(tmp_path).open(log)
    assert source.poll()
    assert not source.poll()
    events(second, (2, 2.0))
    assert source.poll()
    assert log.columns["loss"].arrays()[1].tolist() == [4, 3, 2]
    assert source.files() == (first, second)
    events(first, (0, 9.0))
    assert source.poll()
    assert log.columns["loss"].arrays()[1].tolist() == [9, 2]
    assert isinstance(source, JoinedSource)


def test_a_folder_of_event_files_that_vanishes_is_told(
    tmp_path: Path, lines_as_events: FileFormat
) -> None:
    path = tmp_path / "tb/events.out.tfevents.1.h"
    events(path, (0, 4.0))
    source = locate(tmp_path).open(Log())
    source.poll()
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(InputUnreadable, match="No such file"):
        source.poll()


def test_runs_of_tensorboards_default_folders_are_apart_and_join_the_trainers_state(
    tmp_path: Path, lines_as_events: FileFormat
) -> None:
    for day in ("Oct01", "Nov21"):
        events(tmp_path / f"out/runs/{day}_10-00-00_host/events.out.tfevents.1.h", (0, 1.0))
    assert len(find_runs(tmp_path)) == 2
    events(tmp_path / "b/runs/Nov21_10-00-00_host/events.out.tfevents.1.h", (0, 1.0))
    hparams = "b/runs/Nov21_10-00-00_host/1700000000.123/events.out.tfevents.1.h"
    events(tmp_path / hparams, (0, 1.0))
    assert len(find_runs(tmp_path / "b")) == 1


def test_runs_in_a_database_are_found_with_their_names(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "project.db") as database:
        database.execute("CREATE TABLE metrics (run_name, timestamp, step, metrics)")
        for run, day in (("first", 1), ("second", 2)):
            rows = [
                (run, f"2026-11-0{day}T00:00:00+00:00", n, f'{{"loss": {5 - n}}}') for n in (0, 1)
            ]
            database.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", rows)
    found = find_runs(tmp_path)
    assert [one.name for one in found] == ["project/second", "project/first"]
    assert log_of(found[1]).columns["loss"].arrays()[1].tolist() == [5, 4]
    assert locate(tmp_path / "project.db").name == "project/second"


def test_hidden_folders_and_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/metrics.csv")
    put(tmp_path / "runs/.cache/metrics.csv")
    (tmp_path / "runs/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs/metrics.csv").symlink_to(tmp_path / "elsewhere/metrics.csv")
    with pytest.raises(InputUnreadable, match="found 2 links out of the folder"):
        locate(tmp_path / "runs")


def test_a_link_inside_the_folder_is_a_file_and_one_to_itself_ends(tmp_path: Path) -> None:
    real = put(tmp_path / "runs/a/metrics.csv")
    (tmp_path / "runs/loop").symlink_to(tmp_path / "runs")
    (tmp_path / "runs/b").mkdir()
    (tmp_path / "runs/b/metrics.csv").symlink_to(real)
    assert {run.name for run in find_runs(tmp_path / "runs")} == {"a", "b"}


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path / "real/a/metrics.csv")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = locate(tmp_path / "link")
    assert found.source == str(tmp_path / "link/a/metrics.csv")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda top: top / "nothing", "No such file or directory"),
        (lambda top: top, "no run log in this folder: found 2 .pt, 1 .md, 1 of other kinds"),
        (lambda top: top / "a.pt", "no log of a format that is known"),
        (lambda top: top / "empty.csv", "an empty file, expected a run log"),
        (lambda top: Path(os.devnull), "no regular file"),
        (lambda top: Path("a\0b"), "embedded null byte"),
    ],
)
def test_a_place_without_a_run_is_told_with_what_is_there(
    tmp_path: Path, make: object, message: str
) -> None:
    for name in ("a.pt", "b.pt", "c.md"):
        put(tmp_path / name, "x")
    put(tmp_path / "empty.csv", "")
    assert callable(make)
    path = make(tmp_path)
    with pytest.raises(InputUnreadable) as error:
        locate(path)
    assert message in str(error.value)
    if path == tmp_path:
        assert "looked for metrics.csv" in str(error.value)
    with pytest.raises(InputUnreadable):
        find_runs(path)


def test_a_walk_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a/metrics.csv")
    put(tmp_path / "1/2/3/4/5/6/7/metrics.csv")
    found = locate(tmp_path)
    assert found.name == "a"
    assert texts(found) == ["only 20,000 entries, 6 folders deep, were looked at"]
    monkeypatch.setattr(walking, "MAX_FILES", 3)
    assert walking.walk(tmp_path).cut


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("run", ("run", "")),
        ("run/lightning_logs/version_3", ("run", "version_3")),
        ("run/tb_logs/default/version_3", ("run", "version_3")),
        ("run/wandb/offline-run-20240101_000000-abc", ("run", "offline-run-20240101_000000-abc")),
        ("run/20240101_000000/vis_data", ("run", "20240101_000000")),
        ("run/checkpoint-500", ("run", "")),
        ("run/20240101_000000/csv/version_3", ("run", "version_3")),
        ("work/runs/Nov21_10-00-00_host", ("work", "Nov21_10-00-00_host")),
        ("logs/run", ("logs/run", "")),
        ("runs/mine", ("runs/mine", "")),
        ("tb", (".", "")),
    ],
)
def test_the_folder_of_a_run_is_above_those_its_loggers_made(
    folder: str, expected: tuple[str, str]
) -> None:
    top = Path("/top")
    assert home(top / folder, top) == (top / expected[0], expected[1])


def test_settings_are_gathered_from_the_log_upwards(tmp_path: Path) -> None:
    put(tmp_path / "runs/a/lightning_logs/version_0/metrics.csv")
    put(tmp_path / "runs/a/lightning_logs/version_0/hparams.yaml", "lr: 1\n")
    put(tmp_path / "runs/a/config.json", '{"lr": 2}')
    put(tmp_path / "runs/a/.hydra/config.yaml", "lr: 3\n")
    put(tmp_path / "runs/a/config/data.yaml", "lr: 4\n")
    put(tmp_path / "runs/args.json", '{"lr": 5}')
    put(tmp_path / "config.yaml", "lr: 6\n")
    put(tmp_path / "runs/b/config.yaml", "lr: 7\n")

    def read(path: Path) -> list[object]:
        return [layer.values["lr"] for layer in locate(path).layers()[0]]

    assert read(tmp_path / "runs") == [1, 2, 3, 4, 5]
    below = [tmp_path / "runs/a", tmp_path / "runs/a/lightning_logs"]
    below += [below[-1] / "version_0", below[-1] / "version_0/metrics.csv"]
    assert [read(path) for path in below] == [[1, 2, 3, 4]] * 4


def test_of_several_files_in_a_config_folder_none_is_taken_for_the_runs(tmp_path: Path) -> None:
    put(tmp_path / "metrics.csv")
    for method in ("byol", "simclr"):
        put(tmp_path / f"config/{method}.yaml", f"method: {method}\n")
    assert locate(tmp_path).layers() == ([], [])


def test_a_folder_called_as_a_logger_would_is_looked_into_if_it_is_not_the_loggers(
    tmp_path: Path,
) -> None:
    put(tmp_path / "run-1/files/metrics.csv")
    assert locate(tmp_path).name == "run-1"


def test_a_settings_file_named_like_the_log_comes_first(tmp_path: Path) -> None:
    put(tmp_path / "seed1.csv")
    put(tmp_path / "seed1.yaml", "lr: 1\n")
    put(tmp_path / "seed2.yaml", "lr: 2\n")
    put(tmp_path / "config.yaml", "lr: 3\n")
    layers, _ = locate(tmp_path).layers()
    assert [(layer.where, layer.values["lr"]) for layer in layers] == [
        ("seed1.yaml", 1),
        ("config.yaml", 3),
    ]


def test_settings_that_cannot_be_read_are_told_and_links_out_are_not_read(tmp_path: Path) -> None:
    put(tmp_path / "run/metrics.csv")
    put(tmp_path / "run/config.json", '{"lr": ')
    put(tmp_path / "run/args.json", " " * ((1 << 20) + 1))
    (tmp_path / "run/hparams.yaml").symlink_to(put(tmp_path / "outside.yaml", "lr: 1\n"))
    layers, findings = locate(tmp_path / "run").layers()
    assert not layers
    assert {finding.where for finding in findings} == {"args.json", "config.json"}
    assert all(finding.text.startswith("settings not read: ") for finding in findings)


def test_the_surest_format_reads_a_file() -> None:
    form = recognise("metrics.csv.gz", CSV.encode())
    assert form is not None
    assert form.name == "table"
    assert recognise("notes.txt", b"remember the milk\n") is None
    assert [one.name for one in folder_formats()] == ["W&B run", "MLflow", "Trackio"]


def test_the_newest_of_a_thousand_runs_is_found_by_looking_into_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1000):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (folder / "metrics.csv").write_text(CSV)
        os.utime(folder / "metrics.csv", (NOW + number % 777, NOW + number % 777))
    opened: list[str] = []

    def counted(name: str, head: bytes) -> FileFormat | None:
        opened.append(name)
        return recognise(name, head)

    monkeypatch.setattr("ingest.runs.place.recognise", counted)
    begun = time.process_time()
    found = locate(tmp_path)
    assert time.process_time() - begun < 2
    assert found.name == "run776"
    assert texts(found) == ["the newest of 1000 runs is read, run776"]
    assert len(opened) < 5


def test_files_that_go_away_while_they_are_looked_at_are_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n1,2\n")

    def gone(place: Place) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Place, "newest", gone)
    with pytest.raises(InputUnreadable, match=r"went away.*try again"):
        locate(tmp_path)
