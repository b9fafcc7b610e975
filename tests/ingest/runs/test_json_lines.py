"""JSON lines: each writer's records, settings among them, nesting, noise, broken lines."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_file, read_pieces

from ingest.runs.formats.json_lines import FORMAT


def test_dino_log_has_a_record_an_epoch() -> None:
    log = read_file(FORMAT, "dino/log.txt")
    assert [step for step, _ in points(log, "train_loss")] == [0, 1, 2, 3]
    assert points(log, "train_lr")[1] == (1, 1e-4)
    assert "step" not in log.columns
    assert log.logger == "dino"


def test_vicreg_stats_start_with_the_command_line() -> None:
    log = read_file(FORMAT, "vicreg/stats.txt")
    assert log.settings["batch_size"] == 2048
    assert log.settings["base_lr"] == 0.3
    assert log.settings["mlp"] == "8192-8192-8192"
    assert [step for step, _ in points(log, "loss")] == [0, 400, 625, 1000]
    assert log.findings == []


def test_a_command_line_after_the_first_record_is_none_of_this_run() -> None:
    assert read(FORMAT, '{"step": 1, "loss": 2}\npython x.py --lr 1\n').settings == {}


def test_dinov2_metrics_by_iteration() -> None:
    log = read_file(FORMAT, "dinov2/training_metrics.json")
    assert [step for step, _ in points(log, "total_loss")] == [0, 10, 20]
    assert "current_batch_size" in log.columns
    assert "iteration" not in log.columns


def test_mmengine_environment_training_and_validation() -> None:
    log = read_file(FORMAT, "mmengine/scalars.json")
    assert log.settings["exp_name"] == "simsiam_r50"
    assert log.settings["seed"] == 0
    assert [step for step, _ in points(log, "loss")] == [50, 100, 150, 201, 251, 301]
    assert points(log, "val_accuracy_top-1") == [(301, 31.0)]
    assert found(log, "step went back") == []
    assert log.logger == "mmengine"


def test_bare_nan_and_infinity_are_values() -> None:
    log = read(FORMAT, '{"step": 1, "loss": NaN, "a": -Infinity, "b": Infinity, "c": null}\n')
    assert math.isnan(log.columns["loss"].values[0])
    assert log.columns["a"].values[0] == -math.inf
    assert log.columns["b"].values[0] == math.inf
    assert "c" not in log.columns


def test_numbers_in_quotes_count_and_truths_do_not() -> None:
    log = read(FORMAT, '{"num_updates": "200", "loss": "6.5", "gnorm": "nan", "ok": true}\n')
    assert points(log, "loss") == [(200, 6.5)]
    assert math.isnan(log.columns["gnorm"].values[0])
    assert "ok" not in log.columns
    assert log.logger == "fairseq"


def test_nested_objects_are_joined_by_slashes_and_lists_left_out() -> None:
    log = read(FORMAT, '{"step": 1, "train": {"loss": 2, "n": {"x": 3}}, "lr": [1, 2]}\n')
    assert set(log.columns) == {"step", "train/loss", "train/n/x"}


def test_nesting_deeper_than_the_bound_is_left_out() -> None:
    deep = '{"a":' * 30 + "1" + "}" * 30
    log = read(FORMAT, f'{{"step": 1, "loss": 2, "x": {deep}}}\n')
    assert set(log.columns) == {"step", "loss"}


@pytest.mark.parametrize("key", ["args", "config", "hparams"])
def test_settings_under_a_key_of_their_own(key: str) -> None:
    log = read(FORMAT, f'{{"{key}": {{"lr": 0.3, "opt": {{"name": "lars"}}}}, "step": 0}}\n')
    assert log.settings == {"lr": 0.3, "opt.name": "lars"}
    assert "lr" not in log.columns


def test_a_first_record_of_settings_is_no_metric() -> None:
    text = '{"method": "simclr", "batch_size": 256, "lr": 0.3}\n{"step": 0, "loss": 5.5}\n'
    log = read(FORMAT, text)
    assert log.settings == {"method": "simclr", "batch_size": 256, "lr": 0.3}
    assert set(log.columns) == {"step", "loss"}


def test_text_in_later_records_is_no_setting() -> None:
    log = read(FORMAT, '{"step": 0, "loss": 5.5, "note": "a"}\n{"note": "b"}\n')
    assert log.settings == {}
    assert len(log.columns["loss"].values) == 1


def test_noise_between_records_is_skipped_and_broken_objects_are_counted() -> None:
    text = (
        'starting\n{"step": 0, "loss": 1}\nwarning: {x}\n{"step": 1, "lo\n{"step": 2, "loss": 3}\n'
    )
    log = read(FORMAT, text)
    assert points(log, "loss") == [(0, 1.0), (2, 3.0)]
    [finding] = found(log, "unreadable record")
    assert "line 4" in finding.text


def test_a_half_written_last_line_is_found_and_a_whole_one_read() -> None:
    whole = read(FORMAT, '{"step": 0, "loss": 1}')
    assert points(whole, "loss") == [(0, 1.0)]
    assert whole.findings == []
    half = read(FORMAT, '{"step": 0, "loss": 1}\n{"step": 1, "loss": 1')
    assert points(half, "loss") == [(0, 1.0)]
    assert len(found(half, "incomplete record")) == 1


def test_a_split_in_the_record_keeps_training_and_validation_apart() -> None:
    text = '{"step": 5, "split": "train", "loss": 1}\n{"step": 5, "split": "val", "loss": 2}\n'
    log = read(FORMAT, text)
    assert points(log, "loss") == [(5, 1.0)]
    assert points(log, "val_loss") == [(5, 2.0)]
    assert log.findings == []


def test_hugging_faces_summary_of_the_run_is_no_record() -> None:
    log = read(FORMAT, '{"loss": 2, "step": 9}\n{"train_runtime": 3, "train_loss": 5, "step": 9}\n')
    assert set(log.columns) == {"step", "loss"}


def test_half_a_surrogate_pair_in_a_name_can_be_written_again() -> None:
    log = read(FORMAT, '{"step": 1, "loss": 2, "a\\ud800": 1, "\\u001b[31mb": 2}\n')
    assert [name.encode() for name in log.columns][2:] == ["a\ufffd".encode(), b"b"]


def test_more_names_than_the_bound_are_left_out_and_memory_is_not() -> None:
    text = "".join(json.dumps({f"m{at}": 1.0, "loss": 2.0}) + "\n" for at in range(5000))
    log = read(FORMAT, text)
    assert len(log.columns) <= 4096
    assert len(log.columns["loss"].values) == 5000
    assert len(found(log, "left out")) == 1


@pytest.mark.parametrize(
    ("name", "head", "least", "most"),
    [
        ("log.txt", '{"train_loss": 1, "epoch": 0}\n', 0.9, 1),
        ("-", '{"train_loss": 1, "epoch": 0}\n', 0.9, 1),
        ("training_metrics.json", '{"iteration": 0, "total_loss": 1}\n' * 2, 0.9, 1),
        ("metrics.jsonl", '{"step": 0, "foo": 1}\n', 0.9, 1),
        ("config.json", '{"lr": 0.1, "epochs": 10, "loss": 1}\n', 0, 0),
        ("package.json", '{"name": "x", "version": "1"}\n', 0, 0),
        ("wandb-summary.json", '{"_step": 1, "loss": 1}\n', 0, 0),
        ("settings.json", '{"batch_size": 256, "lr": 0.1}\n', 0, 0),
        ("hparams.yaml", "lr: 0.1\n", 0, 0),
        ("log.txt", "Epoch: [0][1/2] Loss 3\n", 0, 0),
        ("log.txt", "x\n" * 20 + '{"train_loss": 1, "epoch": 0}\n', 0.2, 0.5),
        ("x", "", 0, 0),
    ],
)
def test_claims(name: str, head: str, least: float, most: float) -> None:
    assert least <= FORMAT.claims(name, head.encode()) <= most


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
names = st.sampled_from(["step", "epoch", "iter", "loss", "args", "mode", "x"]) | st.text(
    max_size=3
)
lines = st.lists(
    st.one_of(
        st.dictionaries(names, values, max_size=5).map(lambda one: json.dumps(one).encode()),
        st.binary(max_size=20),
        st.just(b"train.py --lr 0.1 --x"),
        st.just(b"[" * 5000),
    ),
    max_size=6,
)


@given(lines, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 400), max_size=6))
@example([(DATA / "mmengine/scalars.json").read_bytes()], b"\n", list(range(0, 900, 11)))
@example([b'{"a":' * 50_000 + b"1" + b"}" * 50_000], b"\n", [])
@example([b'{"step": 1' + b"0" * 5000 + b', "loss": 1' + b"0" * 400 + b"}"], b"\n", [])
def test_no_bytes_raise_and_pieces_read_as_the_whole(
    parts: list[bytes], end: bytes, places: list[int]
) -> None:
    data = end.join(parts)
    FORMAT.claims("log.txt", data)
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))
