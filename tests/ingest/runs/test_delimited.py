"""Tables: each writer's layout, blanks, quotes, headers in the middle, rows that do not fit."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_file, read_pieces

from ingest.runs.formats.delimited import FORMAT


def test_lightning_rows_of_one_step_are_no_repetition_and_blanks_are_not_values() -> None:
    log = read_file(FORMAT, "lightning/metrics.csv")
    assert points(log, "train_loss_step") == [(4, 5.3), (9, 5.05), (14, 4.8), (19, 4.55)]
    assert points(log, "val_loss") == [(9, 5.6), (19, 5.1)]
    assert len(log.columns["lr-AdamW"].values) == 4
    assert points(log, "step") == [(4, 4.0), (9, 9.0), (14, 14.0), (19, 19.0)]
    assert log.columns["epoch"].values[-1] == 1.0
    assert log.findings == []
    assert log.logger == "lightning"


def test_timm_summary_with_windows_line_ends() -> None:
    log = read_file(FORMAT, "timm/summary.csv")
    assert points(log, "train_loss") == [(0, 6.91), (1, 6.85), (2, 6.74)]
    assert points(log, "lr")[0] == (0, 1e-6)
    assert log.logger == "timm"


def test_rank_table_with_the_header_again_after_a_resume() -> None:
    log = read_file(FORMAT, "ijepa/jepa_r0.csv")
    assert list(log.columns["loss"].steps) == [0, 10, 20, 21, 31, 41, 42, 52, 62]
    assert set(log.columns) == {"step", "epoch", "loss", "mask-A", "mask-B", "time (ms)"}
    assert log.findings == []


def test_tabs_between_cells() -> None:
    log = read_file(FORMAT, "msn/msn_r0.csv")
    assert points(log, "msn") == [(0, 6.9), (10, 6.8)]


def test_semicolons_between_cells() -> None:
    assert points(read(FORMAT, "step;loss\n1;2.5\n"), "loss") == [(1, 2.5)]


def test_a_second_header_with_more_columns_counts_from_there() -> None:
    log = read(FORMAT, "step,loss\n1,3\nstep,loss,z_std\n2,2,0.1\n")
    assert points(log, "loss") == [(1, 3.0), (2, 2.0)]
    assert points(log, "z_std") == [(2, 0.1)]
    assert log.findings == []


def test_quoted_cells_may_hold_the_delimiter() -> None:
    log = read(FORMAT, 'step,"loss, total",note\n1,2.5,"a, b"\n"2","2.25",\n')
    assert points(log, "loss, total") == [(1, 2.5), (2, 2.25)]
    assert "note" not in log.columns


def test_nan_and_infinity_are_values_and_a_blank_is_none() -> None:
    log = read(FORMAT, "step,loss,acc\n1,nan,\n2,inf,\n3,-Infinity,0.5\n")
    assert [step for step, _ in points(log, "loss")] == [1, 2, 3]
    assert math.isnan(log.columns["loss"].values[0])
    assert list(log.columns["loss"].values[1:]) == [math.inf, -math.inf]
    assert points(log, "acc") == [(3, 0.5)]


def test_text_and_numbers_with_underscores_are_no_values() -> None:
    log = read(FORMAT, "step,loss,name\n1,1_0,\n2,3.0,c\n")
    assert points(log, "loss") == [(2, 3.0)]
    assert "name" not in log.columns


def test_rows_of_the_wrong_length_are_counted_with_the_first_line() -> None:
    log = read(FORMAT, "step,loss\n1,3\n2,2,9\n3\n4,1\n")
    assert points(log, "loss") == [(1, 3.0), (4, 1.0)]
    [finding] = found(log, "unreadable record")
    assert "2 of the lines" in finding.text
    assert "line 3" in finding.text


def test_a_half_written_last_line_waits_until_it_is_complete() -> None:
    log = read_pieces(FORMAT, [b"step,loss\n1,3.", b"25\n2"])
    assert points(log, "loss") == [(1, 3.25)]
    assert found(log, "incomplete record")[0].where == "log"


def test_a_last_line_without_an_end_counts_if_all_its_cells_are_there() -> None:
    log = read(FORMAT, "step,loss\n1,3\n2,2.5")
    assert points(log, "loss") == [(1, 3.0), (2, 2.5)]
    assert log.findings == []


def test_validation_rows_of_a_split_column_get_columns_of_their_own() -> None:
    log = read(FORMAT, "epoch,phase,loss\n0,train,3\n0,val,4\n1,train,2\n1,val,3.5\n")
    assert points(log, "loss") == [(0, 3.0), (1, 2.0)]
    assert points(log, "val_loss") == [(0, 4.0), (1, 3.5)]
    assert log.findings == []


def test_a_table_without_a_header_is_not_read() -> None:
    log = read(FORMAT, "1,2\n3,4\n")
    assert log.columns == {}
    assert "header" in found(log, "unreadable record")[0].text


def test_byte_order_mark_and_comment_sign_before_the_header() -> None:
    assert "step" in read(FORMAT, "\ufeff# step,loss\n1,2\n").columns


def test_names_are_shown_without_escapes() -> None:
    log = read(FORMAT, "step,lo\x1b[31mss,a\u202eb\n1,2,3\n")
    assert set(log.columns) == {"step", "loss", "ab"}


@pytest.mark.parametrize(
    ("name", "head", "surest"),
    [
        ("metrics.csv", "epoch,step,loss\n", True),
        ("x.tsv", "itr\tloss\n", True),
        ("log.txt", "step,loss\n1,2\n", True),
        ("-", "step,loss\n1,2\n", True),
        ("labels.csv", "id,label\n1,2\n", False),
        ("log.txt", '{"step": 1, "loss": 2}\n', False),
        ("log.txt", "Epoch: [0][1/2], Loss 3\n", False),
        ("data.csv", "1,2\n3,4\n", False),
        ("notes.md", "step,loss\n1,2\n", False),
        ("x.csv", "step,loss\n\0\n", False),
        ("x.csv", "", False),
    ],
)
def test_claims(name: str, head: str, surest: bool) -> None:
    assert (FORMAT.claims(name, head.encode()) >= 0.7) is surest


rows = st.text('ab,";\t\r\n01.9e-_ na', max_size=60).map(str.encode)
table = st.one_of(
    st.binary(max_size=120),
    rows,
    rows.map(lambda rest: b"epoch,itr,a,b\n" + rest),
    st.lists(st.sampled_from([b"step,a\n", b"1,2\n", b"1,\r\n", b"\r", b"2,nan", b"\xff,"])).map(
        b"".join
    ),
)


@given(table, st.lists(st.integers(0, 200), max_size=6))
@example((DATA / "lightning/metrics.csv").read_bytes(), list(range(0, 300, 7)))
def test_no_bytes_raise_and_pieces_read_as_the_whole(data: bytes, places: list[int]) -> None:
    FORMAT.claims("x.csv", data)
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))
