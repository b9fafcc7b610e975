"""Printed lines: each tool's meters, settings at the top, held-out lines, prose that is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from text_reading import DATA, content, cut, found, points, read, read_file, read_pieces

from ingest.runs.formats.console import FORMAT

STEPS_AND_LOSS = [
    ("moco", "Loss", [(0, 9.2), (10, 9.199), (20, 9.198), (5004, 9.1), (5014, 9.099)]),
    ("dino", "loss", [(0, 11.09), (10, 11.08), (20, 11.07), (2502, 10.99)]),
    ("mae_args", "loss", [(0, 1.8012)]),
    ("epochs", "Loss", [(1, 14.2), (2, 14.1), (3, 14.0)]),
    ("ijepa", "loss", [(0, 0.34), (10, 0.34), (20, 0.34), (21, 0.33), (31, 0.33), (41, 0.33)]),
    ("vjepa", "loss", [(0, 0.712)]),
    ("open_clip", "Loss", [(12800, 5.5), (256000, 5.5), (1012800, 4.5)]),
    ("fairseq", "loss", [(100, 6.558), (200, 6.458)]),
    ("fairseq_json", "loss", [(200, 6.658), (400, 6.601)]),
    ("hf_trainer", "loss", [(0, 2.1), (1, 2.0), (2, 1.9)]),
    ("wav2vec2", "constrast_loss", [(0, 4.601), (1, 4.501)]),
    ("timm", "Loss", [(0, 6.95), (100, 6.95), (1251, 6.85), (1351, 6.85)]),
    ("mmcv", "loss", [(50, 5.1), (100, 5.1), (245, 5.0), (295, 5.0)]),
    ("mmengine", "loss", [(50, 5.2012)]),
    ("vissl", "loss", [(5, 7.60123)]),
    ("lightning_bar", "train_loss", [(650, 4.05), (700, 4.1), (750, 4.15), (800, 4.2), (850, 3.9)]),
    ("nanogpt", "loss", [(0, 10.95), (10, 9.5), (20, 9.1)]),
    ("glog", "total_loss", [(0, 12.1234), (10, 12.0234)]),
]

NAMES = {
    "moco": "step epoch Time Data Loss Acc@1 Acc@5",
    "dino": "step epoch loss lr wd time data max_mem",
    "ijepa": "step epoch loss wd lr mem",
    "open_clip": "epoch Data_(t) Batch_(t) LR Logit_Scale Contrastive_loss Loss",
    "fairseq": "step epoch loss ntokens ppl wps lr gnorm clip loss_scale train_wall wall val_loss "
    "val_best_loss",
    "hf_trainer": "epoch loss grad_norm learning_rate",
    "wav2vec2": "loss constrast_loss div_loss %_mask_idx ppl lr temp grad_norm",
    "timm": "step epoch Loss Time LR Data",
    "mmengine": "step epoch lr time data_time memory loss val_accuracy/top1 val_data_time val_time",
    "vissl": "step epoch lr loss btime(ms) peak_mem(M)",
    "lightning_bar": "step epoch train_loss",
}


@pytest.mark.parametrize(("name", "metric", "expected"), STEPS_AND_LOSS)
def test_loss_by_step_of_each_tool(
    name: str, metric: str, expected: list[tuple[int, float]]
) -> None:
    log = read_file(FORMAT, f"console/{name}.log")
    assert points(log, metric)[: len(expected)] == expected
    assert {one.kind for one in log.findings} <= {"mixed clocks"}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_each_tool(name: str) -> None:
    log = read_file(FORMAT, f"console/{name}.log")
    assert [one.replace(" ", "_") for one in log.columns] == NAMES[name].split()


def test_every_fixture_is_claimed_and_has_its_steps_checked() -> None:
    files = sorted((DATA / "console").iterdir())
    assert [file.stem for file in files] == sorted(name for name, _, _ in STEPS_AND_LOSS)
    assert all(FORMAT.claims(file.name, file.read_bytes()) >= 0.4 for file in files)


@pytest.mark.parametrize(
    ("name", "logger"),
    [
        ("fairseq", "fairseq"),
        ("timm", "timm"),
        ("dino", "dino"),
        ("open_clip", "openclip"),
        ("mmcv", "mmengine"),
        ("moco", "meter"),
    ],
)
def test_the_writer_is_recognised(name: str, logger: str) -> None:
    assert read_file(FORMAT, f"console/{name}.log").logger == logger


def test_settings_printed_one_a_line() -> None:
    settings = read_file(FORMAT, "console/dino.log").settings
    assert settings["batch_size_per_gpu"] == 64
    assert settings["lr"] == 0.0005
    assert settings["out_dim"] == 65536
    assert "Data" not in settings


def test_settings_of_a_namespace_over_several_lines() -> None:
    settings = read_file(FORMAT, "console/mae_args.log").settings
    assert settings["batch_size"] == 64
    assert settings["norm_pix_loss"] is True
    assert settings["world_size"] == 8


def test_settings_of_a_namespace_on_one_line() -> None:
    text = "Namespace(batch_size=256, lr=0.3, betas=(0.9, 0.95), name='a, b', resume=None)\n"
    assert read(FORMAT, text).settings == {
        "batch_size": 256,
        "lr": 0.3,
        "betas": "(0.9, 0.95)",
        "name": "a, b",
    }


def test_settings_of_a_command_line() -> None:
    text = "python main.py --batch-size 256 --lr=0.3 --betas 0.9 0.95 --cos --t -1 trainer.x=3\n"
    assert read(FORMAT, text).settings == {
        "batch_size": 256,
        "lr": 0.3,
        "betas": "0.9,0.95",
        "cos": True,
        "t": -1,
        "trainer.x": 3,
    }


def test_indented_settings_belong_to_the_key_above_and_the_first_of_a_name_counts() -> None:
    text = "optimizer:\n  lr: 0.1\n  name: sgd\nlr: 3\nlr: 4\n"
    assert read(FORMAT, text).settings == {"optimizer.lr": 0.1, "optimizer.name": "sgd", "lr": 3}


def test_prose_after_a_colon_is_no_setting() -> None:
    log = read(FORMAT, "remark: two words\nname: 'two words'\nINFO: done\nworkers: 8\n")
    assert log.settings == {"name": "two words", "workers": 8}


def test_a_dict_of_settings_before_the_first_record() -> None:
    text = "{'method': 'byol', 'lr': 0.3, 'sync_bn': True}\nepoch 1 loss: 3\n"
    log = read(FORMAT, text)
    assert log.settings == {"method": "byol", "lr": 0.3, "sync_bn": True}
    assert points(log, "loss") == [(1, 3.0)]


def test_lines_after_the_first_record_are_no_settings() -> None:
    assert read(FORMAT, "epoch 1 loss: 3\nworkers: 8\n").settings == {}


@pytest.mark.parametrize(
    "text",
    [
        "loaded 50000 images in 3.2 s",
        "Epoch 3: saved 4 files in 30 s",
        "Epoch 3, global step 500: 'val_loss' reached 4.1 (best 4.1), saving model",
        "Using temperature: 0.1",
        "Resuming, best loss: 3.2",
        "step 5 of the installation took 3 minutes",
        "Epoch: [0] Total time: 0:20:13 (0.485 s / it)",
        "2024-01-01 10:00:00 INFO listening on port 8080",
        "[1, 10] grad_stats: [1.0e-3 2e-3] (3, 4)",
        "Test: [  10/196] Time 0.2 (0.2) Loss 6.9 (6.9)",
        "epoch 3 masks: 120.0 40.0",
    ],
)
def test_prose_with_numbers_holds_no_metric(text: str) -> None:
    assert read(FORMAT, text + "\n").columns == {}


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("step 100: loss 4.14, lr 1e-3", "loss", 4.14),
        ("epoch=1 step=100 foo=-.5", "foo", -0.5),
        ("\x1b[32mstep 100\x1b[0m loss: 4.14", "loss", 4.14),
        ("step 100 loss: tensor(4.14, device='cuda:0')", "loss", 4.14),
        ("[Epoch 0/10] [Batch 100/500] [loss: 4.14]", "loss", 4.14),
        ("Epoch [1/10], Step [100/500], Loss: 4.14", "Loss", 4.14),
        ("Iter [  100/40000]  average loss: 4.14", "loss", 4.14),
        ("Iteration 100 | custom 4.14 |", "custom", 4.14),
        ("2024-01-01 10:00:00,123 [INFO] step 100: foo_bar = 4.14s", "foo_bar", 4.14),
        ("step 100 Train Loss: 4.14", "Train Loss", 4.14),
        ("step 100: loss 3, time 4.14ms", "time (ms)", 4.14),
        ("rank0: step 100 z_std 4.14.", "z_std", 4.14),
    ],
)
def test_free_text_of_a_step(line: str, name: str, value: float) -> None:
    assert points(read(FORMAT, line + "\n"), name) == [(100, value)]


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity"])
def test_values_that_are_not_finite_count(text: str) -> None:
    [(step, value)] = points(read(FORMAT, f"step 7 loss: {text} lr: 0.1\n"), "loss")
    assert step == 7
    assert not math.isfinite(value)


def test_epoch_headings_give_their_epoch_to_the_lines_below() -> None:
    log = read(FORMAT, "Epoch 1/2\n - loss: 3 - val_loss: 4\nEpoch 2/2\n - loss: 2 - val_loss: 3\n")
    assert points(log, "loss") == [(1, 3.0), (2, 2.0)]
    assert points(log, "val_loss") == [(1, 4.0), (2, 3.0)]


def test_means_at_the_end_of_an_epoch_do_not_count_again() -> None:
    log = read(FORMAT, "Epoch: [0] [10/20] loss: 3 (3)\nAveraged stats: loss: 9 (9)\navg. loss 9\n")
    assert points(log, "loss") == [(10, 3.0)]


def test_results_on_held_out_data_have_names_of_their_own() -> None:
    text = "Epoch: [0][10/20] Loss 3 (3)\nTest: [5/10] Loss 8 (8)\n * Acc@1 70.1 Acc@5 89.2\n"
    log = read(FORMAT, text + "20-NN classifier result: Top1: 61.5, Top5: 80\n[val] loss: 4\n")
    assert points(log, "Loss") == [(10, 3.0)]
    assert points(log, "val_Acc@1") == [(10, 70.1)]
    assert points(log, "20-NN classifier result Top1") == [(10, 61.5)]
    assert points(log, "val_loss") == [(10, 4.0)]


def test_a_bar_drawn_again_at_the_same_step_counts_once() -> None:
    bar = " 10%|#   | 20/200 [00:01<00:09, 20it/s, loss=4.1]"
    log = read(FORMAT, "\r".join(["", bar, bar, bar.replace(" 20/", " 40/"), ""]))
    assert points(log, "loss") == [(20, 4.1), (40, 4.1)]


def test_bars_without_an_epoch_go_on_counting_when_they_start_anew() -> None:
    bars = (f" |#   | {at}/100 [00:01<00:09, 20it/s, loss=4]" for at in (50, 100, 50, 100))
    log = read(FORMAT, "\r".join([*bars, ""]))
    assert list(log.columns["loss"].steps) == [50, 100, 150, 200]


def test_samples_are_steps_of_records_but_no_step_metric() -> None:
    log = read(FORMAT, "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.300\n")
    assert points(log, "Loss") == [(640, 2.3)]
    assert "step" not in log.columns


def test_a_number_that_may_be_cut_at_the_end_is_not_read() -> None:
    log = read(FORMAT, "step 1 loss: 4.1\nstep 2 loss: 4")
    assert points(log, "loss") == [(1, 4.1)]
    assert len(found(log, "incomplete record")) == 1
    assert points(read(FORMAT, "[step 1] [loss: 4.1]"), "loss") == [(1, 4.1)]


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("README.md", "Epoch 1 loss: 3\n"),
        ("train.py", "Epoch 1 loss: 3\n"),
        ("hparams.yaml", "lr: 0.1\n"),
        ("requirements.txt", "torch==2.0\nnumpy\n"),
        ("args.txt", "lr: 0.1\nepochs: 100\n"),
        ("notes.txt", "We got a mean of 3.2 in 5 runs.\n"),
        ("x.log", "Epoch 1 loss: 3\n\0"),
        ("x", ""),
    ],
)
def test_other_texts_are_not_claimed(name: str, head: str) -> None:
    assert FORMAT.claims(name, head.encode()) == 0.0


@pytest.mark.parametrize("name", ["-", "log.txt", "slurm-12.out", "job.o1234", "stdout"])
def test_logs_of_any_usual_name_are_claimed(name: str) -> None:
    head = b"".join(b"Epoch %d loss: 3\n" % at for at in range(3))
    assert FORMAT.claims(name, head) == 0.6


words = st.sampled_from(
    "Epoch: [3] [10/20] step 5 loss 4.1 (4.2) lr: = 1e-3 nan | , {'loss': 2 'epoch': 0.1} 45%|#| "
    '9/20 [00:01<00:02 Namespace( x=1) --a train.py \x1b[31m Test: * val { } " 999999999999999999 '
    "1e999 1.2.3 INFO 2024-01-01 \n \r \r\n \t".split(" ")
)
printed = st.lists(words, max_size=25).map(lambda parts: " ".join(parts).encode())


@given(printed | st.binary(max_size=80), st.lists(st.integers(0, 300), max_size=6))
@example((DATA / "console/dino.log").read_bytes(), list(range(0, 2000, 17)))
@example((DATA / "console/lightning_bar.log").read_bytes(), list(range(0, 2000, 17)))
@example(b"a" * 60_000 + b"\n" + b"a " * 30_000 + b"\n" + b"epoch " * 9_000, [])
@example(b"[" * 60_000 + b"\n" + b"1/" * 30_000 + b"\n" + b"INFO " * 9_000 + b"x", [])
@example(b"epoch 1 " + b" " * 50_000 + b"\n" + b"\"'" * 30_000 + b"{'" * 9_000 + b"}", [])
def test_no_bytes_raise_and_pieces_read_as_the_whole(data: bytes, places: list[int]) -> None:
    FORMAT.claims("log.txt", data)
    assert content(read_pieces(FORMAT, cut(data, places))) == content(read(FORMAT, data))
