"""Trackio's databases: a real one, following it, write-ahead logs, damage."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_reading import opened_by, refusal_by
from text_reading import DATA, content, found, points

from ingest.runs.formats.sqlite import Database
from ingest.runs.formats.trackio import FORMAT

DATABASE = gzip.decompress((DATA.parent / "ssl.db.gz").read_bytes())
opened = partial(opened_by, FORMAT)
refusal = partial(refusal_by, FORMAT)
STEPS = [0, 50, 100, 150, 200, 250]
NEWER = "SELECT run_id FROM metrics WHERE run_name = 'newer' LIMIT 1"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database of the runs `newer` and `older`."""
    path = tmp_path / "ssl.db"
    path.write_bytes(DATABASE)
    return path


@pytest.fixture
def writer(database: Path) -> Iterator[sqlite3.Connection]:
    """Return a writer of that database that uses a write-ahead log, as Trackio does."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        yield connection


def write(connection: sqlite3.Connection, step: float, metrics: object) -> None:
    """Log one row of the run `newer`."""
    connection.execute(
        "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
        f"VALUES (({NEWER}), '2027-01-01T00:00:00+00:00', 'newer', ?, ?)",
        (step, metrics if isinstance(metrics, str) else json.dumps(metrics)),
    )


def test_metrics_of_a_real_run(database: Path) -> None:
    log, source = opened(database)
    source.close()
    assert points(log, "val/acc") == [(step, step / 200) for step in STEPS]
    assert points(log, "nested.inner") == [(step, step) for step in STEPS]
    assert points(log, "step") == [(step, step) for step in STEPS]
    assert "text" not in log.columns
    assert log.findings == []


def test_nan_and_infinity_are_kept(database: Path) -> None:
    (*_, (_, nan), more, less) = points(opened(database)[0], "train/loss")
    assert math.isnan(nan)
    assert (more, less) == ((200, math.inf), (250, -math.inf))


def test_configuration_without_what_trackio_adds(database: Path) -> None:
    held = opened(database)[0].settings
    assert held == {"method": "simclr", "lr": 0.03, "batch_size": 256, "cosine": True}


def test_runs_come_newest_first(database: Path) -> None:
    runs = FORMAT.runs(database.parent)
    assert [run.name for run in runs] == ["ssl/newer", "ssl/older"]
    assert runs[0].updated > runs[1].updated > 1.7e9


def test_nothing_is_written_beside_a_closed_database(database: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    (tmp_path / "ssl.db").chmod(0o444)
    before = sorted(tmp_path.iterdir())
    assert len(points(opened(database)[0], "z_std")) == 6
    assert sorted(tmp_path.iterdir()) == before == [database]


def test_rows_in_the_write_ahead_log_are_followed(
    database: Path, writer: sqlite3.Connection
) -> None:
    log, source = opened(database)
    write(writer, 300, {"train/loss": 1.0, "new": "Infinity"})
    assert source.poll()
    assert points(log, "train/loss")[-1] == (300, 1.0)
    assert points(log, "new") == [(300, math.inf)]
    before = content(log)
    assert not source.poll()
    write(writer, 350, {"other run": 1})
    writer.execute("UPDATE metrics SET run_id = 'x' WHERE step = 350")
    assert not source.poll()
    assert content(log) == before


def test_rows_come_while_a_writer_is_in_the_middle(
    database: Path, writer: sqlite3.Connection
) -> None:
    log, source = opened(database)
    writer.execute("BEGIN IMMEDIATE")
    write(writer, 300, {"train/loss": 1.0})
    assert not source.poll()
    writer.execute("COMMIT")
    assert source.poll()
    assert points(log, "train/loss")[-1] == (300, 1.0)


def test_a_log_that_was_copied_without_its_shared_memory(
    database: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    write(writer, 300, {"train/loss": 1.0})
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("ssl.db", "ssl.db-wal"):
        shutil.copy(database.with_name(name), copy)
    assert points(opened(copy)[0], "train/loss")[-1] == (300, 1.0)
    assert sorted(path.name for path in copy.iterdir()) == ["ssl.db", "ssl.db-wal"]


def test_rows_that_are_no_objects_are_found(database: Path, writer: sqlite3.Connection) -> None:
    for row in ("[1]", "{", '{"a": ' * 2000, "{}"):
        write(writer, 300, row)
    write(writer, 350, {"train/loss": 1.0})
    log, _ = opened(database)
    assert points(log, "train/loss")[-1] == (350, 1.0)
    assert len(found(log, "unreadable record")) == 1


def test_media_and_texts_are_no_numbers(database: Path, writer: sqlite3.Connection) -> None:
    media = {"_type": "trackio.histogram", "counts": 3}
    write(writer, 300, {"media": media, "text": "1.5", "list": [1], "true": True})
    log, _ = opened(database)
    assert {"media.counts", "text", "list", "true"}.isdisjoint(log.columns)


def test_steps_that_went_back_are_found(database: Path, writer: sqlite3.Connection) -> None:
    write(writer, 100, {"train/loss": 1.0})
    log, _ = opened(database)
    assert points(log, "train/loss")[-1] == (100, 1.0)
    assert found(log, "step went back")


@pytest.mark.parametrize("step", [math.inf, -math.inf, 1e300])
def test_a_row_without_a_possible_step_is_read(
    database: Path, writer: sqlite3.Connection, step: float
) -> None:
    write(writer, step, {"train/loss": 7.5})
    log, _ = opened(database)
    assert points(log, "train/loss")[-1][1] == 7.5


def test_a_damaged_table_that_gives_the_same_rows_forever_is_read_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Database.rows

    def from_the_start(self: Database, query: str, *values: object) -> list[tuple[object, ...]]:
        return ask(self, query.replace("rowid > ?", "rowid > 0 * ?"), *values)

    whole, _ = opened(database)
    monkeypatch.setattr(Database, "rows", from_the_start)
    assert content(opened(database)[0]) == content(whole)


def test_a_long_name_is_cut(database: Path, writer: sqlite3.Connection) -> None:
    writer.execute("UPDATE metrics SET run_name = ? WHERE run_name = 'newer'", ("x" * 9999,))
    assert max(len(run.name) for run in FORMAT.runs(database)) < 300


def test_older_databases_know_runs_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE metrics (id, timestamp, run_name, step, metrics)")
        connection.execute("CREATE TABLE configs (id, run_name, config)")
        connection.execute("INSERT INTO configs VALUES (1, 'a', '{\"lr\": 0.5}')")
        for step in range(3):
            row = (step, "2026-01-01", "a", step, '{"loss": 2}')
            connection.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", row)
    log, _ = opened(path)
    assert points(log, "loss") == [(0, 2.0), (1, 2.0), (2, 2.0)]
    assert log.settings == {"lr": 0.5}


def test_other_databases_hold_no_run(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE metrics (name, value)")
    assert FORMAT.runs(path) == []
    assert FORMAT.runs(tmp_path) == []
    assert FORMAT.runs(tmp_path / "nothing") == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.binary(min_size=1, max_size=8)), max_size=40))
def test_mutated_databases_are_read_or_refused_in_time(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]
) -> None:
    broken = bytearray(DATABASE)
    for place, piece in changes:
        at = place % len(broken)
        broken[at : at + len(piece)] = piece
    path = tmp_path_factory.mktemp("db") / "ssl.db"
    path.write_bytes(broken)
    begin = time.process_time()
    refused = refusal(path)
    assert not refused or "ssl.db" in refused
    assert time.process_time() - begin < 1
