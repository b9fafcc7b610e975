"""A growing file: what is new, what was rewritten, and how bytes are cut into lines."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_reading import Points, cut, found, points, read

from ingest.runs import source
from ingest.runs.formats.base import FileFormat
from ingest.runs.formats.delimited import FORMAT as TABLE
from ingest.runs.formats.json_document import FORMAT as DOCUMENT
from ingest.runs.formats.json_lines import FORMAT as LINES
from ingest.runs.log import Log
from ingest.runs.source import FileSource, Lines, open_regular
from kb.errors import InputUnreadable


class Followed:
    """A table that a test writes and reads in turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = Log()
        self.source = FileSource(path, self.log, TABLE.make)

    def append(self, text: str) -> bool:
        with self.path.open("a") as file:
            file.write(text)
        return self.source.poll()

    def rewrite(self, text: str) -> bool:
        """Write the same file, not another one of its name, from its start."""
        inode = self.path.stat().st_ino
        self.path.write_text(text)
        assert self.path.stat().st_ino == inode
        return self.source.poll()

    def loss(self) -> Points:
        return points(self.log, "loss")


@pytest.fixture
def table(tmp_path: Path) -> Followed:
    one = Followed(tmp_path / "metrics.csv")
    one.append("step,loss\n0,4.0\n1,3.5\n")
    return one


def test_only_what_was_appended_is_read(table: Followed) -> None:
    assert table.append("2,3.0\n")
    assert table.loss() == [(0, 4.0), (1, 3.5), (2, 3.0)]


def test_nothing_new_is_nothing(table: Followed) -> None:
    assert not table.source.poll()
    assert table.loss() == [(0, 4.0), (1, 3.5)]


def test_a_half_written_record_is_not_there_yet(table: Followed) -> None:
    assert table.append("2,3.")
    assert table.loss()[-1] == (1, 3.5)
    table.append("25\n")
    assert table.loss()[-1] == (2, 3.25)


def test_a_file_cut_short_is_read_anew(table: Followed) -> None:
    assert table.rewrite("step,loss\n0,9.0\n")
    assert table.loss() == [(0, 9.0)]


def test_a_file_emptied_and_not_yet_written_has_no_values(table: Followed) -> None:
    assert table.rewrite("")
    assert not table.log.columns


def test_another_file_of_the_same_name_is_read_anew(table: Followed) -> None:
    other = table.path.with_name("other")
    other.write_text("step,loss\n0,4.0\n1,3.5\n2,7.0\n")
    other.replace(table.path)
    assert table.source.poll()
    assert table.loss() == [(0, 4.0), (1, 3.5), (2, 7.0)]


def test_a_table_rewritten_with_a_wider_header_is_read_anew(table: Followed) -> None:
    assert table.rewrite("step,loss,z_std\n0,4.0,\n1,3.5,\n2,3.0,0.9\n")
    assert table.loss() == [(0, 4.0), (1, 3.5), (2, 3.0)]
    assert points(table.log, "z_std") == [(2, 0.9)]


def _rows(middle: str, loss: str = "loss") -> str:
    steady = "".join(f"{at},1.0\n" for at in range(300))
    return f"step,{loss}\n{steady}{middle}{steady}"


def test_a_file_with_another_start_is_read_anew(tmp_path: Path) -> None:
    one = Followed(tmp_path / "metrics.csv")
    one.append(_rows("", loss="lass"))
    assert one.rewrite(_rows("") + "9,9.0\n")
    assert one.loss()[-1] == (9, 9.0)
    assert "lass" not in one.log.columns


def test_a_file_that_was_longer_before_the_place_of_the_last_look_is_read_anew(
    tmp_path: Path,
) -> None:
    one = Followed(tmp_path / "metrics.csv")
    one.append(_rows("7,7.0\n"))
    assert one.rewrite(_rows("8,8.0\n7,7.0\n"))
    assert (8, 8.0) in one.loss()


def test_another_file_with_the_same_start_and_end_is_read_anew(tmp_path: Path) -> None:
    one = Followed(tmp_path / "metrics.csv")
    one.append(_rows("7,7.0\n"))
    other = tmp_path / "other"
    other.write_text(_rows("8,8.0\n"))
    other.replace(one.path)
    assert one.source.poll()
    assert (8, 8.0) in one.loss()


def test_a_document_written_whole_each_time_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "trainer_state.json"
    log = Log()
    one = FileSource(path, log, DOCUMENT.make)
    for last in range(1, 4):
        records = ",".join(f'{{"step": {at}, "loss": {9 - at}.0}}' for at in range(last))
        path.write_text(f'{{"best_metric": null, "log_history": [{records}]}}')
        assert one.poll()
        assert points(log, "loss") == [(at, 9.0 - at) for at in range(last)]


def test_the_caller_is_told_before_a_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n0,4.0\n")
    held: list[int] = []
    log = Log()
    one = FileSource(path, log, TABLE.make, lambda: held.append(len(log.columns["loss"].values)))
    one.poll()
    path.write_text("step,loss\n0,5.0\n")
    one.poll()
    assert held == [1]


def test_a_poll_reads_what_is_new_and_little_more(
    table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.append("".join(f"{at},1.0\n" for at in range(2, 40_000)))
    counted = _count_reads(monkeypatch)
    for at in range(40_000, 40_020):
        row = f"{at},1.0\n"
        before = counted[0]
        table.append(row)
        assert counted[0] - before <= len(row) + 2 * 1024


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list whose one number counts the bytes that sources read from now on."""
    counted = [0]

    class Counting(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            counted[0] += len(data)
            return data

    @contextmanager
    def counting(path: Path) -> Iterator[BinaryIO]:
        with open_regular(path) as file:
            yield Counting(io.FileIO(file.fileno(), closefd=False))

    monkeypatch.setattr(source, "open_regular", counting)
    return counted


def test_a_poll_ends_although_the_writer_goes_on(
    table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader_of = table.source._reader

    class Hurried:
        def feed(self, data: bytes) -> None:
            reader_of.feed(data)
            with table.path.open("a") as file:
                file.write("9,9.0\n")

        def close(self) -> None: ...

    monkeypatch.setattr(table.source, "_reader", Hurried())
    table.append("2,3.0\n")
    assert table.loss()[-1] == (2, 3.0)


def test_a_file_that_is_gone_is_unreadable_and_read_on_when_it_is_back(table: Followed) -> None:
    away = table.path.with_name("away")
    table.path.rename(away)
    with pytest.raises(InputUnreadable, match="No such file"):
        table.source.poll()
    away.rename(table.path)
    assert table.append("2,3.0\n")
    assert table.loss()[-1] == (2, 3.0)


def test_an_error_while_reading_is_unreadable_input(
    table: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stale(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(116, "Stale file handle")

    monkeypatch.setattr(source, "open_regular", Stale)
    with pytest.raises(InputUnreadable, match=r"metrics\.csv: Stale file handle"):
        table.source.poll()


def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "metrics.csv"
    os.mkfifo(pipe)
    with pytest.raises(InputUnreadable, match="no regular file"):
        FileSource(pipe, Log(), TABLE.make).poll()


def test_a_name_with_a_null_byte_is_unreadable() -> None:
    with pytest.raises(InputUnreadable, match="null"):
        open_regular(Path("a\0b"))


# Compressed files


def _compressed(tmp_path: Path, data: bytes) -> Log:
    path = tmp_path / "metrics.csv.gz"
    path.write_bytes(data)
    log = Log()
    one = FileSource(path, log, TABLE.make)
    one.poll()
    one.close()
    return log


def test_a_compressed_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    log = _compressed(tmp_path, gzip.compress(b"step,loss\n0,4.0\n1,3.5\n"))
    assert points(log, "loss") == [(0, 4.0), (1, 3.5)]
    assert not log.findings


def test_members_of_a_compressed_file_follow_each_other(tmp_path: Path) -> None:
    parts = gzip.compress(b"step,loss\n0,4.0\n") + gzip.compress(b"1,3.5\n")
    log = _compressed(tmp_path, parts)
    assert points(log, "loss") == [(0, 4.0), (1, 3.5)]
    assert not log.findings


@pytest.mark.parametrize("spoil", [lambda data: data[:-12], lambda data: data + b"more"])
def test_a_compressed_file_cut_short_or_damaged_is_found(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    rows = b"".join(b"%d,4.0\n" % at for at in range(50))
    log = _compressed(tmp_path, spoil(gzip.compress(b"step,loss\n" + rows)))
    assert points(log, "loss")[0] == (0, 4.0)
    assert [one.text for one in found(log, "incomplete record")][-1:] == [
        "the compressed data ends early or is damaged"
    ]


def test_a_compressed_file_is_unpacked_in_pieces(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Sizes:
        def feed(self, data: bytes) -> None:
            sizes.append(len(data))

        def close(self) -> None: ...

    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(bytes(20 << 20)))
    FileSource(path, Log(), lambda log, where: Sizes()).poll()
    assert sum(sizes) == 20 << 20
    assert max(sizes) <= source.CHUNK


# Lines


def _lines(*pieces: bytes) -> list[str]:
    lines = Lines()
    return [line for piece in pieces for line in lines.feed(piece)] + [lines.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_end_of_a_line_ends_one_line(end: bytes) -> None:
    assert _lines(b"a" + end + b"b" + end + b"c") == ["a", "b", "c"]


def test_a_line_end_cut_in_two_ends_one_line() -> None:
    assert _lines(b"a\r", b"\nb\r", b"", b"\n", b"\nc") == ["a", "b", "", "c"]


@given(data=st.text("ab\r\n", max_size=20), places=st.lists(st.integers(0, 20), max_size=6))
@example(data="a\r\nb", places=[2])
def test_lines_do_not_depend_on_how_the_bytes_came(data: str, places: list[int]) -> None:
    assert _lines(*cut(data.encode(), places)) == _lines(data.encode())


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert _lines(b"a\xffb\n") == ["a\ufffdb", ""]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_lines_that_are_too_long_are_left_out_and_counted(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(source, "MAX_RECORD", 10)
    data = b"one\n" + b"x" * 35 + b"\ntwo\n" + b"y" * 11 + b"\n" + b"z" * 10 + b"\n"
    lines = Lines()
    held = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    assert held == ["one", "two", "z" * 10]
    assert lines.left_out == 2


def test_a_line_without_an_end_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_RECORD", 100)
    lines = Lines()
    for _ in range(50):
        assert lines.feed(b"x" * 90) == []
        assert len(lines._rest) <= 100
    assert lines.left_out == 1
    assert lines.close() == ""


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (TABLE, "step,loss\n0,4.0\n{}\n1,3.5\n"),
        (LINES, '{{"step": 0, "loss": 4.0}}\n{}\n{{"step": 1, "loss": 3.5}}\n'),
    ],
)
def test_readers_tell_of_lines_that_are_too_long(
    monkeypatch: pytest.MonkeyPatch, form: FileFormat, text: str
) -> None:
    monkeypatch.setattr(source, "MAX_RECORD", 64)
    log = read(form, text.format("9" * 80))
    assert points(log, "loss") == [(0, 4.0), (1, 3.5)]
    assert [one.text for one in found(log, "left out")] == ["lines over 64 bytes: 1"]
