"""The fuzzer itself: every format has inputs, they can be had again, and defects are noticed."""

from __future__ import annotations

import math
import os
import signal
import struct
from collections.abc import Callable, Iterator
from ctypes import c_longlong
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from benchmarks import fuzz, fuzz_pool
from benchmarks.fuzz_inputs import mutated
from benchmarks.fuzz_pool import run_one, stop_hangs
from benchmarks.fuzz_seeds import seeds
from benchmarks.fuzz_targets import exercise, formats
from ingest.runs.formats.delimited import DelimitedReader
from ingest.runs.formats.registry import file_formats, folder_formats
from ingest.runs.log import Column

ALL = sorted(formats())


def test_every_format_of_the_registry_is_fuzzed() -> None:
    fuzzed = [form for form in formats().values() if form is not None]
    assert fuzzed == [*file_formats(), *folder_formats()]


@pytest.mark.parametrize("form", ALL)
def test_the_seeds_of_a_format_are_read(form: str, tmp_path: Path) -> None:
    for bundle in seeds(form):
        exercise(form, bundle, tmp_path / "run")


@pytest.mark.parametrize("form", ALL)
def test_an_input_can_be_had_again_and_differs_from_the_next(form: str) -> None:
    assert mutated(1, form, 5) == mutated(1, form, 5)
    assert len({tuple(mutated(1, form, number).values()) for number in range(20)}) > 15


def test_some_inputs_are_large_and_most_are_small() -> None:
    sizes = [sum(map(len, mutated(1, "console-text", at).values())) for at in range(3000)]
    assert max(sizes) > 50_000
    assert sorted(sizes)[2700] <= 4096


# Defects that the fuzzer must see, put into the reader of tables.

Feed = Callable[[DelimitedReader, bytes], None]


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Feed], set[str]]]:
    """Return what tells which defects are seen when tables are read in a given way."""
    handler = signal.getsignal(signal.SIGALRM)

    def seen(feed: Feed) -> set[str]:
        monkeypatch.setattr(DelimitedReader, "feed", feed)
        stop_hangs()
        tables = [{"a.csv": b"step,loss\n%d,1.0\n" % at} for at in range(16)]
        return {run_one("table", bundle, tmp_path / "run")[1] for bundle in tables}

    yield seen
    signal.signal(signal.SIGALRM, handler)


read = DelimitedReader.feed


def test_a_reader_without_a_defect_shows_none(kinds: Callable[[Feed], set[str]]) -> None:
    assert kinds(read) == {""}


def test_an_exception_is_a_defect(kinds: Callable[[Feed], set[str]]) -> None:
    def feed(reader: DelimitedReader, data: bytes) -> None:
        raise KeyError(data[:3])

    (kind,) = kinds(feed)
    assert kind.startswith("KeyError at tests/benchmarks/test_fuzz.py:")
    assert kind.endswith(" feed")


def test_a_hang_is_stopped_and_a_defect(
    kinds: Callable[[Feed], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def feed(reader: DelimitedReader, data: bytes) -> None:
        while True:
            pass

    assert kinds(read) == {""}  # what is imported at first use is there now
    monkeypatch.setattr(fuzz_pool, "HANGS", 0.05)
    (kind,) = kinds(feed)
    assert kind.startswith("Hang at tests/benchmarks/test_fuzz.py:")


def test_an_input_that_takes_long_is_a_defect(
    kinds: Callable[[Feed], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz_pool, "LIMIT", 0.0)
    assert kinds(read) == {"table: over 0 s"}


def test_an_input_that_takes_much_memory_is_a_defect(
    kinds: Callable[[Feed], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = count(0, 65 << 20)
    monkeypatch.setattr(fuzz_pool, "_peak", lambda: next(peaks))
    assert kinds(read) == {"table: memory"}


def test_values_that_depend_on_the_pieces_are_a_defect(
    kinds: Callable[[Feed], set[str]],
) -> None:
    def feed(reader: DelimitedReader, data: bytes) -> None:
        reader._log.extend("loss", [0], [float(len(data))])

    assert "table: steps depends on the pieces" in kinds(feed)


@pytest.mark.parametrize(
    ("name", "told"),
    [("x" * 999, "is not bounded"), ("a\nb", "has control characters")],
)
def test_names_that_cannot_be_shown_are_a_defect(
    kinds: Callable[[Feed], set[str]], name: str, told: str
) -> None:
    def feed(reader: DelimitedReader, data: bytes) -> None:
        reader._log.columns[name] = Column()

    assert kinds(feed) == {f"table: a text {told}"}


def test_a_defect_is_saved_with_a_command_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    defect = fuzz_pool.Defect("table", 7, "table: memory")
    again = fuzz._saved(defect, 1, tmp_path)["again"]
    *_, form, _, folder = again.split()
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == mutated(
        1, "table", 7
    )
    handler = signal.getsignal(signal.SIGALRM)
    assert fuzz.main(["--format", form, "--replay", folder]) == 0
    monkeypatch.setattr(fuzz_pool, "LIMIT", 0.0)
    assert fuzz.main(["--format", form, "--replay", folder]) == 1
    assert "table: over 0 s" in capsys.readouterr().out
    signal.signal(signal.SIGALRM, handler)


@pytest.mark.slow
def test_all_inputs_are_read_by_several_processes(tmp_path: Path) -> None:
    seen = fuzz.fuzz(fuzz_pool.Job(1, 300, ("table", "settings"), 2, math.inf), tmp_path)
    assert seen["inputs"] == 300
    assert seen["defects"] == {}


@pytest.mark.slow
def test_a_process_that_dies_is_noticed_and_its_other_inputs_are_read() -> None:
    pool = fuzz_pool.Pool(fuzz_pool.Job(1, 3000, ("table",), 1, math.inf))
    told: list[fuzz_pool.Tally] = []
    for tally in pool.tallies():
        if not told:
            pool._running[0].kill()
        told.append(tally)
    assert [one.kind for tally in told for one in tally.defects] == ["table: death, -9"]
    assert told[-1].done
    assert sum(tally.counts.total() for tally in told) > 2000


def dies_while_it_tells(
    job: fuzz_pool.Job, worker: int, first: int, now: c_longlong, told: Connection
) -> None:
    """Send part of a message and die, once; the process that follows does the work."""
    if first == worker:
        os.write(told.fileno(), struct.pack("!i", 4096) + b"a part")
        os.kill(os.getpid(), signal.SIGKILL)
    work(job, worker, first, now, told)


work = fuzz_pool._work


@pytest.mark.slow
def test_a_process_that_dies_while_it_tells_does_not_silence_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fuzz_pool, "_work", dies_while_it_tells)
    pool = fuzz_pool.Pool(fuzz_pool.Job(1, 60, ("table",), 2, math.inf))
    told = list(pool.tallies())
    assert [one.kind for tally in told for one in tally.defects] == ["table: death, -9"] * 2
    assert sum(tally.counts.total() for tally in told) == 58
