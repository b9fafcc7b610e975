"""TensorBoard event files: real ones, every kind of scalar, damage, speed by arrays."""

from __future__ import annotations

import math
import struct
import time
from collections import Counter

import numpy as np
import pytest
from event_writing import event, field, framed, records, simple, tensor, varint
from hypothesis import given, settings
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_pieces

from ingest.runs.formats.crc32c import crc32c
from ingest.runs.formats.tensorboard import FORMAT
from ingest.runs.formats.wire import WireError, fields
from ingest.runs.log import MAX_COLUMNS, Log
from ingest.runs.source import MAX_RECORD

FILES = {
    kind: (DATA.parent / "tensorboard" / f"events.out.tfevents.1.{kind}").read_bytes()
    for kind in ("plain", "tensors", "hparams")
}
STEPS = [0, 50, 100, 150, 200, 250]
DAMAGED = "unreadable record"


def many(rows: int = 400) -> bytes:
    """Return a file long enough to be read by arrays: six tags, steps of 0 to 3 bytes."""
    tags = ("loss", "z_std", "a/loss", "b/loss", "c/loss", "a_longer_name")
    return b"".join(
        framed(event(step * 97, simple(tag, step / 7 + place), time=1e9 + step))
        for step in range(rows)
        for place, tag in enumerate(tags)
    )


MANY = many()


def values(log: Log) -> Counter[tuple[str, int, float]]:
    """Return all that was read but the column `step`."""
    names = [name for name in log.columns if name != "step"]
    return Counter((name, step, value) for name in names for step, value in points(log, name))


@pytest.mark.parametrize("kind", ["plain", "tensors"])
def test_scalars_of_summary_writer_in_both_its_styles(kind: str) -> None:
    log = read(FORMAT, FILES[kind])
    assert points(log, "val/acc") == [(step, step / 200) for step in STEPS]
    assert points(log, "z_std") == [(step, 0.0625) for step in STEPS]
    assert list(log.columns)[:4] == ["step", "train/loss", "z_std", "val/acc"]
    assert log.findings == []


@pytest.mark.parametrize("kind", ["plain", "tensors"])
def test_nan_and_infinity_are_kept(kind: str) -> None:
    (*_, (_, nan), more, less) = points(read(FORMAT, FILES[kind]), "train/loss")
    assert math.isnan(nan)
    assert (more, less) == ((200, math.inf), (250, -math.inf))


def test_a_double_keeps_its_precision() -> None:
    assert points(read(FORMAT, FILES["tensors"]), "double") == [(7, 0.1)]


def test_histograms_and_remarks_leave_no_column_and_no_setting() -> None:
    log = read(FORMAT, FILES["plain"])
    assert set(log.columns) == {"step", "train/loss", "z_std", "val/acc"}
    assert "remark" not in log.settings


def test_settings_come_from_json_and_tables_in_text() -> None:
    held = read(FORMAT, FILES["plain"]).settings
    assert held == {"learning_rate": 0.5, "optim": "lars", "epochs": 100, "mixed": True}


def test_settings_come_from_the_hparams_plugin() -> None:
    held = read(FORMAT, FILES["hparams"]).settings
    assert held["method"] == "simclr"
    assert held["lr"] == 0.03
    assert held["batch_size"] == 256
    assert isinstance(held["batch_size"], int)


def test_json_under_a_tag_of_its_own_keeps_that_name() -> None:
    text = field(1, 7) + field(8, '{"hidden": 64}')
    value = field(
        1, field(1, "model/text_summary") + field(9, field(1, field(1, "text"))) + field(8, text)
    )
    assert read(FORMAT, framed(event(0, value))).settings == {"model.hidden": 64}


def test_the_step_column_has_each_step_once() -> None:
    assert points(read(FORMAT, FILES["plain"]), "step") == [(step, step) for step in STEPS]


def test_arrays_read_what_reading_one_by_one_does() -> None:
    whole, alone = read(FORMAT, MANY), read_pieces(FORMAT, records(MANY))
    assert content(whole) == content(alone)
    assert points(whole, "c/loss")[300] == (300 * 97, float(np.float32(300 / 7 + 4)))
    assert len(points(whole, "a_longer_name")) == 400


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*FILES.values(), MANY[:9000]]),
    st.lists(st.integers(0, 10_000), max_size=12),
)
def test_pieces_do_not_change_what_is_read(data: bytes, places: list[int]) -> None:
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 8 * len(MANY[:9000]) - 1))
def test_a_wrong_bit_loses_a_record_and_never_changes_a_value(bit: int) -> None:
    data = b"".join(records(MANY)[:180])
    bit %= 8 * len(data)
    broken = bytearray(data)
    broken[bit // 8] ^= 1 << bit % 8
    log, whole = read(FORMAT, bytes(broken)), values(read(FORMAT, data))
    assert values(log) <= whole
    assert values(log).total() >= whole.total() - 2
    assert found(log, DAMAGED) or found(log, "incomplete record")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_mutated_files_neither_raise_nor_stall(data: st.DataObject) -> None:
    broken = bytearray(data.draw(st.sampled_from([*FILES.values(), MANY[:4000]])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken)))
        broken[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    places = data.draw(st.lists(st.integers(0, 10_000), max_size=4))
    begin = time.process_time()
    log = read_pieces(FORMAT, cut(bytes(broken), places))
    assert time.process_time() - begin < 1
    assert content(log) == content(read(FORMAT, bytes(broken)))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_content_in_sound_records_is_read_or_noted(contents: list[bytes]) -> None:
    bodies = [field(1, 1e9) + field(5, field(1, one)) for one in contents]
    log = read(
        FORMAT, b"".join(framed(one) for one in [*contents, *bodies, event(3, simple("x", 1))])
    )
    assert points(log, "x")[-1] == (3, 1.0)


def test_a_damaged_tag_loses_its_record_although_the_others_tell_what_it_was() -> None:
    parts = records(MANY)
    parts[600] = parts[600].replace(b"loss", b"lost")
    log = read(FORMAT, b"".join(parts))
    assert values(log).total() == 400 * 6 - 1
    assert len(points(log, "loss")) == 399
    assert found(log, DAMAGED)


def test_a_step_that_swallows_the_next_byte_is_damage_among_records_alike() -> None:
    good = [event(step, simple("x", 1)) for step in range(1, 30)]
    bad = good[4].replace(b"\x10\x05", b"\x10\x85")
    log = read(FORMAT, b"".join(framed(one) for one in [*good, bad]))
    assert [step for step, _ in points(log, "x")] == list(range(1, 30))
    assert found(log, DAMAGED)


def test_a_damaged_length_costs_one_record() -> None:
    parts = records(MANY)
    parts[10] = b"\xff" + parts[10][1:]
    log = read(FORMAT, b"".join(parts))
    assert values(log).total() == 400 * 6 - 1
    assert len(found(log, DAMAGED)) == 1


def test_what_stands_between_records_is_searched_once_however_often() -> None:
    """Each false start must not scan the rest of the file again."""
    begin = time.process_time()
    log = read(FORMAT, (framed(b"") + b"?") * 10_000 + framed(event(1, simple("x", 2))))
    assert time.process_time() - begin < 2
    assert points(log, "x") == [(1, 2.0)]


@pytest.mark.parametrize("cut_off", [1, 4, 5, 30, 50])
def test_a_cut_end_waits_and_is_noted_at_the_close(cut_off: int) -> None:
    log = Log()
    reader = FORMAT.make(log, "f")
    reader.feed(MANY[:-cut_off])
    assert len(points(log, "a_longer_name")) == 399
    assert log.findings == []
    reader.close()
    assert [one.kind for one in log.findings] == ["incomplete record"]


def test_a_record_cut_short_is_read_when_the_rest_comes() -> None:
    log = Log()
    reader = FORMAT.make(log, "f")
    reader.feed(MANY[:-5])
    reader.feed(MANY[-5:])
    reader.close()
    assert len(points(log, "a_longer_name")) == 400
    assert log.findings == []


def test_a_record_that_is_too_long_is_passed_over() -> None:
    data = (
        framed(b"", MAX_RECORD + 1)[:12] + bytes(MAX_RECORD + 5) + framed(event(1, simple("x", 2)))
    )
    log = read_pieces(FORMAT, [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)])
    assert points(log, "x") == [(1, 2.0)]
    assert [one.kind for one in log.findings] == ["left out"]


def test_a_length_that_no_file_has_is_damage_even_with_its_crc() -> None:
    log = read(FORMAT, framed(b"", 1 << 60) + framed(event(1, simple("x", 2))))
    assert points(log, "x") == [(1, 2.0)]
    assert found(log, DAMAGED)


def test_a_run_that_went_back_is_found_and_kept_in_order() -> None:
    steps = [1, 2, 3, 2, 3, 4]
    parts = [framed(event(s, simple("a", s), simple("b", s))) for s in steps]
    log = read(FORMAT, b"".join(parts))
    assert [step for step, _ in points(log, "a")] == steps
    assert [step for step, _ in points(log, "step")] == steps
    (finding,) = found(log, "step went back")
    assert finding.step == 2


def test_columns_written_one_after_another_did_not_go_back() -> None:
    parts = [framed(event(s, simple(tag, s))) for tag in ("a", "b") for s in range(1, 50)]
    log = read(FORMAT, b"".join(parts))
    assert log.findings == []
    assert points(log, "step") == [(s, s) for s in range(1, 50)]


def test_a_step_logged_twice_is_found() -> None:
    log = read(FORMAT, b"".join(framed(event(5, simple("a", v))) for v in (1.0, 2.0)))
    assert points(log, "a") == [(5, 1.0), (5, 2.0)]
    assert len(found(log, "step repeated")) == 1


def test_values_logged_without_a_step_are_numbered() -> None:
    log = read(FORMAT, b"".join(framed(event(0, simple("a", v))) for v in (3.0, 2.0, 1.0)))
    assert points(log, "a") == [(0, 3.0), (1, 2.0), (2, 1.0)]


def test_a_tag_named_step_does_not_join_the_step_column() -> None:
    log = read(FORMAT, framed(event(7, simple("step", 1.0), simple("x", 2.0))))
    assert points(log, "step") == [(7, 7.0)]


@pytest.mark.parametrize("rows", [1, 40])
def test_negative_and_large_steps(rows: int) -> None:
    for step in (-3, 2**40):
        data = b"".join(framed(event(step + at, simple("x", 1.0))) for at in range(rows))
        assert points(read(FORMAT, data), "x")[-1] == (step + rows - 1, 1.0)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (field(1, 1) + field(5, struct.pack("<f", 0.5)), 0.5),
        (field(1, 2) + field(6, 0.1), 0.1),
        (field(1, 3) + field(7, varint(-4)), -4.0),
        (field(1, 9) + field(10, 12), 12.0),
        (field(1, 19) + field(13, varint(0x3E00)), 1.5),
        (field(1, 14) + field(13, varint(0x3FC0)), 1.5),
        (field(1, 1) + field(4, struct.pack("<f", 0.25)), 0.25),
        (field(1, 2) + field(4, struct.pack("<d", 0.1)), 0.1),
        (field(1, 3) + field(4, struct.pack("<i", -9)), -9.0),
        (field(1, 19) + field(4, struct.pack("<e", 1.5)), 1.5),
        (field(1, 1) + field(2, field(2, field(1, 1))) + field(5, struct.pack("<f", 2.0)), 2.0),
    ],
)
@pytest.mark.parametrize("rows", [1, 40])
def test_tensors_of_one_number(content: bytes, value: float, rows: int) -> None:
    data = b"".join(framed(event(step + 1, tensor("x", content))) for step in range(rows))
    assert points(read(FORMAT, data), "x") == [(step + 1, value) for step in range(rows)]


@pytest.mark.parametrize(
    "content",
    [
        field(1, 1) + field(5, struct.pack("<2f", 1, 2)),
        field(1, 1) + field(2, field(2, field(1, 5))) + field(5, struct.pack("<f", 1)),
        field(1, 8) + field(4, bytes(8)),
        field(1, 3) + field(7, varint(1) + varint(2)),
    ],
)
def test_tensors_of_several_numbers_are_no_scalars(content: bytes) -> None:
    log = read(FORMAT, framed(event(1, tensor("x", content))))
    assert log.columns == {}
    assert log.findings == []


def test_too_many_tags_are_left_out_and_found() -> None:
    tags = range(MAX_COLUMNS + 9)
    log = read(FORMAT, b"".join(framed(event(1, simple(f"t{tag:05}", 1.0))) for tag in tags))
    assert len(log.columns) <= MAX_COLUMNS
    assert found(log, "left out")


def test_the_crc_is_that_of_the_standard() -> None:
    assert crc32c(np.frombuffer(b"123456789", dtype=np.uint8)) == 0xE3069283


@pytest.mark.parametrize(
    "data", [b"\x08", b"\x0a\x05a", b"\x09abc", b"\x0b", b"\x00\x01", b"\xff" * 11, b"\x0d\x01"]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(data, 0, len(data)))


def test_event_files_are_claimed_by_name_and_content() -> None:
    head = FILES["plain"][:200]
    assert FORMAT.claims("events.out.tfevents.1.host", head) == 1.0
    assert FORMAT.claims("renamed", head) > 0.5
    assert FORMAT.claims("events.out.tfevents.1.host", b"") > 0.5
    assert FORMAT.claims("log.txt", b"Epoch 1 loss 2.0\n") == 0.0
