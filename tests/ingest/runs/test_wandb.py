"""W&B's offline logs and run folders: real ones, framing, damage."""

from __future__ import annotations

import json
import math
import os
import struct
import time
import zlib
from pathlib import Path

import pytest
from event_writing import field
from hypothesis import given, settings
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_pieces

from ingest.runs.formats import wandb_folder
from ingest.runs.formats.wandb import FORMAT
from ingest.runs.log import Log
from ingest.runs.source import MAX_RECORD

FOLDER = DATA.parent / "wandb"
FILES = {
    kind: (FOLDER / f"offline-run-{kind}" / f"run-{kind}.wandb").read_bytes()
    for kind in ("finished", "crashed")
}
STEPS = [0, 50, 100, 150, 200, 250]
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32 * 1024


def history(**row: object) -> bytes:
    """Return a history record; names are as they stand, values become JSON."""
    items = [field(1, field(2, name) + field(16, json.dumps(value))) for name, value in row.items()]
    return field(2, b"".join(items))


def framed(*records: bytes) -> bytes:
    """Return a log of these records, in pieces where a block ends."""
    data = bytearray(HEADER)
    for record in records:
        first, rest = True, record
        while first or rest:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data += bytes(left)
                continue
            piece, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if first else 4) if not rest else (2 if first else 3)
            crc = zlib.crc32(piece, zlib.crc32(bytes([kind])))
            data += struct.pack("<IHB", crc, len(piece), kind) + piece
            first = False
    return bytes(data)


def test_history_of_a_real_run() -> None:
    log = read(FORMAT, FILES["finished"])
    assert points(log, "val/acc") == [(step, step / 200) for step in STEPS]
    assert points(log, "nested.inner") == [(step, step) for step in STEPS]
    assert points(log, "step") == [(step, step) for step in STEPS]
    assert {"text", "none", "flag", "weights"}.isdisjoint(log.columns)
    assert log.findings == []


def test_nan_and_infinity_are_kept() -> None:
    (*_, (_, nan), more, less) = points(read(FORMAT, FILES["finished"]), "train/loss")
    assert math.isnan(nan)
    assert (more, less) == ((200, math.inf), (250, -math.inf))


def test_configuration_with_later_changes() -> None:
    held = read(FORMAT, FILES["finished"]).settings
    assert (held["method"], held["lr"], held["batch_size"]) == ("simclr", 0.03, 256)
    assert (held["cosine"], held["late"], held["run.name"]) == (True, "1,2", "finished")
    assert not any(name.startswith("_wandb") for name in held)


@pytest.mark.parametrize("kind", ["finished", "crashed"])
def test_the_exit_code_tells_finished_from_crashed(kind: str) -> None:
    assert read(FORMAT, FILES[kind]).settings["run.state"] == kind


def test_a_run_without_an_exit_has_no_state() -> None:
    assert "run.state" not in read(FORMAT, framed(history(_step=1, loss=2))).settings


def test_a_number_that_only_the_summary_holds_is_the_last_of_the_run() -> None:
    assert points(read(FORMAT, FILES["finished"]), "knn") == [(250, 0.75)]


def test_trainers_own_step_goes_before_the_count_of_calls() -> None:
    rows = [{"_step": at, "trainer/global_step": at * 50, "loss": 1.0} for at in range(4)]
    log = read(FORMAT, framed(*(history(**row) for row in rows), history(_step=4, acc=0.5)))
    assert [step for step, _ in points(log, "loss")] == [0, 50, 100, 150]
    assert points(log, "acc") == [(150, 0.5)]


def test_typed_values_of_newer_logs() -> None:
    def item(name: str, value: bytes) -> bytes:
        return field(1, field(2, name) + value)

    items = item("whole", field(5, 7)) + item("real", field(6, 0.1)) + item("_step", field(5, 8))
    log = read(FORMAT, framed(field(2, items)))
    assert points(log, "whole") == [(4, -4.0)]
    assert points(log, "real") == [(4, 0.1)]


def test_samples_of_the_gpu_stand_at_the_newest_step() -> None:
    stats = field(7, field(3, field(1, "gpu.0.gpu") + field(16, "97")))
    log = read(FORMAT, framed(history(_step=5, loss=1), stats))
    assert points(log, "system.gpu.0.gpu") == [(5, 97.0)]


def test_records_longer_than_a_block() -> None:
    rows = [history(_step=at, loss=at, note="x" * 50_000) for at in range(4)]
    log = read(FORMAT, framed(*rows))
    assert points(log, "loss") == [(at, at) for at in range(4)]
    assert log.findings == []


def test_every_place_of_a_record_in_its_block() -> None:
    for size in range(BLOCK - 90, BLOCK - 20):
        padding = field(9, b"x" * size)
        log = read(FORMAT, framed(padding, history(_step=1, loss=2), history(_step=2, loss=3)))
        assert points(log, "loss") == [(1, 2.0), (2, 3.0)]
        assert log.findings == []


def test_a_record_that_is_too_long_is_left_out() -> None:
    log = read(FORMAT, framed(field(9, bytes(MAX_RECORD)), history(_step=1, loss=2)))
    assert points(log, "loss") == [(1, 2.0)]
    assert found(log, "left out")


def test_a_damaged_record_is_found_and_the_next_one_read() -> None:
    rows = [history(_step=at, loss=at) for at in range(5)]
    data = bytearray(framed(*rows))
    data[len(framed(*rows[:2])) + 9] ^= 1
    log = read(FORMAT, bytes(data))
    assert points(log, "loss") == [(0, 0.0), (1, 1.0), (3, 3.0), (4, 4.0)]
    assert len(found(log, "unreadable record")) == 1


def test_a_damaged_length_costs_at_most_the_rest_of_its_block() -> None:
    rows = [history(_step=at, loss=at) for at in range(3000)]
    data = bytearray(framed(*rows))
    data[len(framed(*rows[:2])) + 5] = 0xFF
    log = read(FORMAT, bytes(data))
    steps = [step for step, _ in points(log, "loss")]
    assert steps[:2] == [0, 1]
    assert steps[-1] == 2999
    assert len(steps) > 3000 - BLOCK // 20
    assert found(log, "unreadable record")


@pytest.mark.parametrize("cut_off", [1, 20, 30])
def test_a_cut_end_waits_and_is_noted_at_the_close(cut_off: int) -> None:
    data = framed(*(history(_step=at, loss=at) for at in range(5)))
    log = Log()
    reader = FORMAT.make(log, "f")
    reader.feed(data[:-cut_off])
    assert len(points(log, "loss")) == 4
    assert log.findings == []
    reader.feed(data[-cut_off:])
    assert len(points(log, "loss")) == 5
    reader.close()
    assert log.findings == []
    assert found(read(FORMAT, data[:-cut_off]), "incomplete record")


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([*FILES.values()]), st.lists(st.integers(0, 10_000), max_size=12))
def test_pieces_do_not_change_what_is_read(data: bytes, places: list[int]) -> None:
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_mutated_files_neither_raise_nor_stall(data: st.DataObject) -> None:
    broken = bytearray(FILES["finished"])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken)))
        broken[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    places = data.draw(st.lists(st.integers(0, 10_000), max_size=4))
    begin = time.process_time()
    log = read_pieces(FORMAT, cut(bytes(broken), places))
    assert time.process_time() - begin < 1
    assert content(log) == content(read(FORMAT, bytes(broken)))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5), st.dictionaries(st.text(max_size=5), JSON))
def test_any_content_in_sound_records_is_read_or_noted(
    contents: list[bytes], row: dict[str, object]
) -> None:
    bodies = [field(kind, one) for one in contents for kind in (2, 3, 5, 7, 17, 18)]
    items = [field(number, field(1, one)) for one in contents for number in (2, 3, 5)]
    log = read(FORMAT, framed(*contents, *bodies, *items, history(**row), history(_step=9, x=1)))
    assert points(log, "x")[-1][1] == 1.0


def test_deep_json_in_a_setting_is_left_out() -> None:
    deep = field(5, field(1, field(1, "deep") + field(16, "[" * 50_000)))
    log = read(FORMAT, framed(deep, field(5, field(1, field(1, "lr") + field(16, "0.1")))))
    assert log.settings == {"lr": 0.1}


def test_logs_are_claimed_by_their_magic() -> None:
    assert FORMAT.claims("anything", FILES["finished"][:64]) == 1.0
    assert FORMAT.claims("run-a.wandb", b"") > 0
    assert FORMAT.claims("log.txt", b"loss: 1\n") == 0.0


def test_folders_give_their_runs_newest_first(tmp_path: Path) -> None:
    for place, kind in enumerate(("finished", "crashed")):
        folder = tmp_path / "wandb" / f"offline-run-{kind}"
        folder.mkdir(parents=True)
        path = folder / f"run-{kind}.wandb"
        path.write_bytes(FILES[kind])
        os.utime(path, (1000.0 + place, 1000.0 + place))
    (tmp_path / "wandb" / "latest-run").symlink_to("offline-run-finished")
    (tmp_path / "wandb" / "run-elsewhere").symlink_to(FOLDER / "offline-run-finished")
    for above in (tmp_path, tmp_path / "wandb"):
        runs = wandb_folder.FORMAT.runs(above)
        assert [run.name for run in runs] == ["offline-run-crashed", "offline-run-finished"]
    (run,) = wandb_folder.FORMAT.runs(tmp_path / "wandb" / "offline-run-finished")
    log = Log()
    source = run.open(log)
    assert source.poll()
    assert not source.poll()
    source.close()
    assert content(log)[:2] == content(read(FORMAT, FILES["finished"]))[:2]


def test_a_folder_whose_log_was_not_kept_gives_config_and_summary(tmp_path: Path) -> None:
    folder = tmp_path / "run-20260101_000000-abc"
    (folder / "files").mkdir(parents=True)
    config = (
        "_wandb:\n  value: {}\nlr:\n  desc: null\n  value: 0.1\nmodel:\n  value:\n    dim: 64\n"
    )
    (folder / "files" / "config.yaml").write_text(config)
    (folder / "files" / "wandb-summary.json").write_text('{"_step": 9, "loss": 2.5, "t": "x"}')
    (run,) = wandb_folder.FORMAT.runs(folder)
    log = Log()
    source = run.open(log)
    source.poll()
    source.close()
    assert log.settings == {"lr": 0.1, "model.dim": 64}
    assert points(log, "loss") == [(9, 2.5)]
    assert [path.name for path in source.files()] == ["config.yaml", "wandb-summary.json"]


def test_other_folders_hold_no_run(tmp_path: Path) -> None:
    (tmp_path / "run-1").mkdir()
    (tmp_path / "run-1" / "metrics.csv").write_text("step,loss\n1,2\n")
    assert wandb_folder.FORMAT.runs(tmp_path) == []
    assert wandb_folder.FORMAT.runs(tmp_path / "run-1" / "metrics.csv") == []
    assert wandb_folder.FORMAT.runs(tmp_path / "nothing") == []
