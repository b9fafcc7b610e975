"""Whole JSON documents: trainer_state.json, arrays of records, lists by name, broken ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_file, read_pieces

from ingest.runs.formats import json_document
from ingest.runs.formats.json_document import FORMAT
from ingest.runs.log import Log


def test_trainer_state_by_step_without_the_summary_at_its_end() -> None:
    log = read_file(FORMAT, "hf/trainer_state.json")
    assert points(log, "loss") == [(10, 9.0), (20, 8.9), (30, 8.8), (40, 8.7)]
    assert points(log, "eval_loss") == [(20, 8.95)]
    assert log.columns["epoch"].values[-1] == 1.0
    assert "train_loss" not in log.columns
    assert log.settings["train_batch_size"] == 32
    assert log.settings["num_train_epochs"] == 1
    assert log.findings == []


def test_a_document_is_read_as_soon_as_it_is_complete() -> None:
    data = (DATA / "hf/trainer_state.json").read_bytes()
    log = Log()
    reader = FORMAT.make(log, "trainer_state.json")
    reader.feed(data[:300])
    assert log.columns == {}
    reader.feed(data[300:])
    assert len(log.columns["loss"].values) == 4


def test_an_array_of_records() -> None:
    log = read(FORMAT, '[{"epoch": 0, "loss": 2}, 7, {"epoch": 1, "loss": NaN}]')
    assert [step for step, _ in points(log, "loss")] == [0, 1]


def test_a_list_of_values_for_each_name() -> None:
    log = read(FORMAT, '{"loss": [3, 2, 1], "val_loss": [4, 3], "note": "x"}')
    assert points(log, "loss") == [(0, 3.0), (1, 2.0), (2, 1.0)]
    assert points(log, "val_loss") == [(0, 4.0), (1, 3.0)]


def test_a_list_of_steps_is_the_clock_of_the_others() -> None:
    log = read(FORMAT, '{"step": [10, 20], "loss": [3, 2]}')
    assert points(log, "loss") == [(10, 3.0), (20, 2.0)]


@pytest.mark.parametrize("text", ['{"log_history": [{"loss": 1', "[", "{]}", "hello", "[1,}"])
def test_what_is_no_whole_document_is_found(text: str) -> None:
    log = read(FORMAT, text)
    assert log.columns == {}
    assert len(found(log, "incomplete record")) == 1


def test_what_follows_the_document_is_found_and_not_read() -> None:
    log = read(FORMAT, '[{"step": 1, "loss": 2}]\n[{"step": 2, "loss": 3}]')
    assert points(log, "loss") == [(1, 2.0)]
    assert len(found(log, "unreadable record")) == 1


def test_a_document_over_the_bound_is_dropped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "MAX_BYTES", 1000)
    log = read_pieces(FORMAT, [b"[" + b" " * 600, b" " * 600, b"{}]"])
    assert len(found(log, "left out")) == 1


def test_a_document_of_too_many_parts_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "_MAX_PARTS", 10)
    assert len(found(read(FORMAT, json.dumps([[]] * 20)), "left out")) == 1
    assert found(read(FORMAT, '[{"loss": 1}]'), "left out") == []


def test_a_document_in_many_pieces_is_parsed_a_bounded_number_of_times() -> None:
    data = json.dumps([{"step": at, "x": {"loss": at}} for at in range(2000)]).encode()
    log = read_pieces(FORMAT, (part + b"}" for part in data.split(b"}")[:-1]))
    assert found(log, "incomplete record") != []
    pieces = [part + b"}" for part in data.split(b"}")[:-1]]
    log = read_pieces(FORMAT, [*pieces, b"]"])
    assert len(log.columns["x/loss"].values) == 2000


@pytest.mark.parametrize(
    ("name", "head", "claimed"),
    [
        ("trainer_state.json", "{\n", True),
        ("state.json", '{"epoch": 1.0, "log_history": [', True),
        ("history.json", '{"loss": [3, 2', True),
        ("log.json", '[{"epoch": 0, "loss": 1}', True),
        ("-", '[\n {"step": 0, "foo": 1}', True),
        ("config.json", '{"lr": [0.1, 0.2], "betas": [0.9, 0.95]}', False),
        ("package.json", '{"name": "x", "files": ["a"]}', False),
        ("training_metrics.json", '{"iteration": 0, "total_loss": 1}\n' * 2, False),
        ("log.txt", '[{"epoch": 0, "loss": 1}', False),
        ("people.json", '[{"name": "a", "age": 3}]', False),
    ],
)
def test_claims(name: str, head: str, claimed: bool) -> None:
    assert (FORMAT.claims(name, head.encode()) > 0.5) is claimed


record = st.dictionaries(
    st.sampled_from(["step", "epoch", "loss", "log_history", "a"]),
    st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers()),
    max_size=4,
)
document = st.one_of(
    st.binary(max_size=60),
    st.lists(record, max_size=4).map(lambda one: json.dumps(one).encode()),
    st.lists(record, max_size=4).map(lambda one: json.dumps({"log_history": one}).encode()),
    st.text('[]{}",:1 \n', max_size=30).map(str.encode),
)


@given(document, document, st.lists(st.integers(0, 300), max_size=6))
@example((DATA / "hf/trainer_state.json").read_bytes(), b"", list(range(0, 900, 13)))
@example(b"[" * 100_000, b"]" * 100_000, [])
def test_no_bytes_raise_and_pieces_read_as_the_whole(
    first: bytes, then: bytes, places: list[int]
) -> None:
    data = first + then
    FORMAT.claims("x.json", data)
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))
