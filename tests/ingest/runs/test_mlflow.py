"""MLflow's two stores: real ones, following them, what is damaged or hostile in them."""

from __future__ import annotations

import gzip
import math
import os
import shutil
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_reading import opened_by, refusal_by
from text_reading import DATA, content, found, points

from ingest.runs.formats.mlflow import FORMAT
from ingest.runs.formats.sqlite import Database
from ingest.runs.log import Log
from kb.errors import InputUnreadable

FILES = DATA.parent / "mlruns"
DATABASE = gzip.decompress((DATA.parent / "mlflow.db.gz").read_bytes())
opened = partial(opened_by, FORMAT)
refusal = partial(refusal_by, FORMAT)
STEPS = [0, 50, 100, 150, 200, 250]
LINES = "1 3.0 0\n2 2.5 10\n"


@pytest.fixture(params=["files", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a folder with a store of the two runs `newer` and `older`."""
    if request.param == "files":
        shutil.copytree(FILES, tmp_path / "mlruns")
    else:
        (tmp_path / "mlflow.db").write_bytes(DATABASE)
    return tmp_path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database of two runs."""
    path = tmp_path / "mlflow.db"
    path.write_bytes(DATABASE)
    return path


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Return the folder of a running run with the metric `train/loss`."""
    folder = tmp_path / "mlruns" / "1" / "abc"
    (folder / "metrics" / "train").mkdir(parents=True)
    (folder / "params").mkdir()
    (folder.parent / "meta.yaml").write_text("name: ssl\n")
    (folder / "meta.yaml").write_text("end_time: null\nrun_name: mine\nstatus: 1\n")
    (folder / "metrics" / "train" / "loss").write_text(LINES)
    return folder


def write(path: Path, *rows: tuple[str, float, int]) -> None:
    """Add values of the newest run to a database."""
    key = FORMAT.runs(path)[0].name
    with closing(sqlite3.connect(path)) as connection, connection:
        ((run,),) = connection.execute("SELECT run_uuid FROM runs WHERE name = ?", (key,))
        for name, value, step in rows:
            connection.execute(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                (name, value, time.time_ns(), run, step),
            )


def test_both_stores_hold_the_same_run(store: Path) -> None:
    log, source = opened(store)
    source.close()
    assert points(log, "val/acc") == [(step, step / 200) for step in STEPS]
    assert points(log, "step") == [(step, step) for step in STEPS]
    assert set(log.columns) == {"step", "train/loss", "val/acc", "z_std", "without_step"}
    assert log.findings == []


def test_nan_and_infinity_are_kept(store: Path) -> None:
    (*_, (_, nan), more, less) = points(opened(store)[0], "train/loss")
    assert math.isnan(nan)
    assert (more, less) == ((200, math.inf), (250, -math.inf))


def test_values_logged_without_a_step_are_numbered(store: Path) -> None:
    assert points(opened(store)[0], "without_step") == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_parameters_get_their_types_back(store: Path) -> None:
    held = opened(store)[0].settings
    assert (held["method"], held["lr"], held["batch_size"]) == ("simclr", 0.03, 256)
    assert held["cosine"] is True
    assert (held["run.name"], held["run.state"]) == ("newer", "finished")


def test_runs_come_newest_first(store: Path) -> None:
    assert [run.name for run in FORMAT.runs(store)] == ["newer", "older"]


def test_a_store_an_experiment_and_a_run_can_be_named(store: Path) -> None:
    for path in (store / "mlruns", store / "mlflow.db"):
        if path.exists():
            assert len(FORMAT.runs(path)) == 2
    for run in (store / "mlruns").glob("*/*/meta.yaml"):
        assert [one.path for one in FORMAT.runs(run.parent)] == [run.parent]
        assert len(FORMAT.runs(run.parent.parent)) == 2


def test_nothing_is_written_beside_the_logs(store: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    opened(store)[1].close()
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_poll_reads_only_what_is_new(store: Path) -> None:
    log, source = opened(store)
    before = content(log)
    assert not source.poll()
    assert content(log) == before


def test_new_lines_of_a_file_store_are_followed(run_folder: Path) -> None:
    log, source = opened(run_folder)
    with (run_folder / "metrics" / "train" / "loss").open("a") as file:
        file.write("3 2.0 20\n4 1.")
    (run_folder / "metrics" / "acc").write_text("3 0.5 20\n")
    assert source.poll()
    assert points(log, "train/loss") == [(0, 3.0), (10, 2.5), (20, 2.0)]
    assert points(log, "acc") == [(20, 0.5)]
    assert log.settings["run.state"] == "running"
    source.close()
    assert [one.kind for one in log.findings] == ["incomplete record"]


def test_steps_of_several_files_are_joined_by_their_times(run_folder: Path) -> None:
    for name in ("a", "b"):
        lines = [f"{time} 1.0 {step}\n" for time, step in enumerate((1, 2, 3, 2, 3))]
        (run_folder / "metrics" / name).write_text("".join(lines))
    (run_folder / "metrics" / "train" / "loss").unlink()
    log, _ = opened(run_folder)
    assert [step for step, _ in points(log, "step")] == [1, 2, 3, 2, 3]
    assert len(found(log, "step went back")) == 1


def test_a_metric_that_was_written_anew_is_read_anew(run_folder: Path) -> None:
    log, source = opened(run_folder)
    (run_folder / "metrics" / "train" / "loss").write_text("1 9.0 5\n")
    assert source.poll()
    assert points(log, "train/loss") == [(5, 9.0)]


def test_a_metric_that_was_deleted_is_forgotten(run_folder: Path) -> None:
    (run_folder / "metrics" / "acc").write_text("3 0.5 20\n")
    log, source = opened(run_folder)
    (run_folder / "metrics" / "acc").unlink()
    assert source.poll()
    assert set(log.columns) == {"step", "train/loss"}


def test_lines_that_are_none_are_found(run_folder: Path) -> None:
    text = "what\n1 x 2\n\n5 1.5 30 data digest\n6 1.0\n7 1 1e300\n7 1 nan\n"
    (run_folder / "metrics" / "train" / "loss").write_text(text)
    log, source = opened(run_folder)
    source.close()
    assert [value for _, value in points(log, "train/loss")] == [1.5, 1.0]
    assert "4 lines" in found(log, "unreadable record")[0].text


def test_links_out_of_a_run_are_not_followed(run_folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.write_text("1 42.0 1\n")
    (run_folder / "metrics" / "leak").symlink_to(secret)
    (run_folder / "params" / "leak").symlink_to(secret)
    log, _ = opened(run_folder)
    assert "leak" not in log.columns
    assert "leak" not in log.settings


def test_a_deleted_run_is_not_offered(run_folder: Path, database: Path) -> None:
    meta = run_folder / "meta.yaml"
    meta.write_text(meta.read_text() + "lifecycle_stage: deleted\n")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'newer'")
    assert [run.name for run in FORMAT.runs(run_folder.parents[2])] == ["older"]


def test_a_damaged_table_that_gives_the_same_rows_forever_is_read_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Database.rows

    def from_the_start(self: Database, query: str, *values: object) -> list[tuple[object, ...]]:
        return ask(self, query.replace("rowid > ?", "rowid > 0 * ?"), *values)

    whole, _ = opened(database)
    monkeypatch.setattr(Database, "rows", from_the_start)
    assert content(opened(database)[0]) == content(whole)


def test_a_long_name_is_cut(run_folder: Path, database: Path) -> None:
    name = "x" * 9999
    (run_folder / "meta.yaml").write_text(f"end_time: null\nrun_name: {name}\nstatus: 1\n")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE runs SET name = ?", (name,))
    names = [run.name for run in FORMAT.runs(run_folder.parents[2])]
    assert [len(one) for one in names] == [200] * 3


def test_the_running_run_is_as_new_as_its_newest_file(run_folder: Path) -> None:
    for path in run_folder.rglob("*"):
        os.utime(path, (50, 50))
    os.utime(run_folder / "metrics" / "train" / "loss", (77, 77))
    assert FORMAT.runs(run_folder)[0].updated == 77


def test_new_rows_of_a_database_are_followed(database: Path) -> None:
    log, source = opened(database)
    write(database, ("train/loss", 1.0, 300), ("new", 2.0, 300))
    assert source.poll()
    assert points(log, "train/loss")[-1] == (300, 1.0)
    assert points(log, "new") == [(300, 2.0)]
    assert not source.poll()


def test_more_rows_than_are_read_at_once(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
            "INSERT INTO metrics SELECT 'many', i, i, run_uuid, i, 0 FROM n, runs"
        )
    log, _ = opened(database)
    assert points(log, "many") == [(at, at) for at in range(1, 25001)]


def test_a_database_that_its_writer_holds_is_read_at_the_next_poll(database: Path) -> None:
    log, source = opened(database)
    write(database, ("train/loss", 1.0, 300))
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert not source.poll()
        with pytest.raises(InputUnreadable, match="another program"):
            FORMAT.runs(database)
        writer.execute("COMMIT")
    assert source.poll()
    assert points(log, "train/loss")[-1] == (300, 1.0)


def test_a_database_that_was_replaced_is_read_anew(database: Path) -> None:
    log, source = opened(database)
    other = database.with_name("other")
    other.write_bytes(DATABASE)
    write(other, ("new", 2.0, 300))
    with closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("DELETE FROM metrics WHERE key = 'z_std'")
    other.replace(database)
    assert source.poll()
    assert "z_std" not in log.columns
    assert len(points(log, "train/loss")) == 6
    assert points(log, "new") == [(300, 2.0)]


def test_a_database_that_is_gone_is_unreadable(database: Path) -> None:
    _, source = opened(database)
    database.unlink()
    with pytest.raises(InputUnreadable):
        source.poll()


@pytest.mark.parametrize("data", [b"", b"no database", DATABASE[:100], b"SQLite format 3\0" * 99])
def test_garbage_is_claimed_by_nobody_or_unreadable(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(data)
    refused = refusal(path)
    assert ("mlflow.db" in refused) if refused else FORMAT.runs(path) == []
    assert FORMAT.runs(tmp_path) == []


def test_views_and_virtual_tables_are_no_metrics(tmp_path: Path) -> None:
    path = tmp_path / "hostile.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE runs (run_uuid, name, status, start_time, lifecycle_stage)"
        )
        connection.execute("INSERT INTO runs VALUES ('a', 'a', 'RUNNING', 1, 'active')")
        connection.execute(
            "CREATE VIEW metrics AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
            "SELECT i AS key, i AS value, i AS timestamp, 'a' AS run_uuid, i AS step FROM n"
        )
    assert FORMAT.runs(path) == []


def test_columns_that_are_computed_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "hostile.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE runs (run_uuid, name, status, start_time, lifecycle_stage)"
        )
        connection.execute(
            "CREATE TABLE metrics (key, timestamp, run_uuid, step,"
            " value AS(hex(zeroblob(9000000))))"
        )
    assert FORMAT.runs(path) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.binary(min_size=1, max_size=8)), max_size=40))
def test_mutated_databases_are_read_or_refused_in_time(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]
) -> None:
    broken = bytearray(DATABASE)
    for place, piece in changes:
        at = place % len(broken)
        broken[at : at + len(piece)] = piece
    path = tmp_path_factory.mktemp("db") / "mlflow.db"
    path.write_bytes(broken)
    begin = time.process_time()
    refused = refusal(path)
    assert not refused or "mlflow.db" in refused
    assert time.process_time() - begin < 1


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=80))
def test_any_files_in_a_run_are_read_or_noted(
    tmp_path_factory: pytest.TempPathFactory, metric: bytes, meta: bytes
) -> None:
    folder = tmp_path_factory.mktemp("run")
    (folder / "metrics").mkdir()
    (folder / "metrics" / "x").write_bytes(b"1 2.0 3\n" + metric)
    (folder / "meta.yaml").write_bytes(meta)
    log = Log()
    for run in FORMAT.runs(folder):
        source = run.open(log)
        source.poll()
        source.close()
        assert points(log, "x")[0][1] == 2.0
