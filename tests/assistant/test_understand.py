"""Claims: numbers get the role and the precision that the words give them, and nothing raises."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.quantities import Number
from assistant.understand import MAX_CHARACTERS, understand


def only(text: str) -> Number:
    (number,) = understand(text).numbers
    return number


@pytest.mark.parametrize(
    ("text", "role", "value"),
    [
        ("batch size 32", "batch_size", 32),
        ("bs=32", "batch_size", 32),
        ("bs32", "batch_size", 32),
        ("B = 32", "batch_size", 32),
        ("a batch of 256", "batch_size", 256),
        ("32 images per batch", "batch_size", 32),
        ("32 per GPU", "batch_size", 32),
        ("global batch 4096", "global_batch_size", 4096),
        ("effective batch size of 1,024", "global_batch_size", 1024),
        ("8 gpus", "world_size", 8),
        ("8xA100", "world_size", 8),
        ("lr 1e-3", "lr", 1e-3),
        ("learning rate of 3.0e-4", "lr", 3e-4),
        ("temperature 0.07", "temperature", 0.07),
        ("0.07 temperature", "temperature", 0.07),
        ("tau=0.1", "temperature", 0.1),
        ("T = 0.5", "temperature", 0.5),
        ("teacher temp 0.04", "teacher_temp", 0.04),
        ("queue 65,536", "queue_size", 65536),
        ("K=65536", "queue_size", 65536),
        ("4096 negatives", "queue_size", 4096),
        ("65k prototypes", "prototypes", 65000),
        ("65 536 prototypes", "prototypes", 65536),
        ("projection dim 128", "dim", 128),
        ("128-d embeddings", "dim", 128),
        ("std_coeff 25", "lambda_var", 25),
        ("ema momentum 0.996", "ema_momentum", 0.996),
        ("loss: 4.143", "loss", 4.143),
        ("loss is 4", "loss", 4),
        ("stuck at 4.14", "loss", 4.14),
        ("loss at -0.98", "loss", -0.98),
        ("loss at −0.98", "loss", -0.98),
        ("loss=.5", "loss", 0.5),
        ("z_std 0.002", "z_std", 0.002),
        ("proj_std: 1e-4", "z_std", 1e-4),
        ("grad norm 0.002", "grad_norm", 0.002),
        ("epoch 3", "epoch", 3),
        ("at step 2000", "step", 2000),
        ("100 epochs", None, 100),
        ("10%", None, 10),
        ("1e-3", None, 1e-3),
        ("ln 63", None, 63),
        ("momentum 0.9", None, 0.9),
        ("accuracy stuck at 54.3", None, 54.3),
        ("plan b 32", None, 32),
        ("it wasn't 0.5", None, 0.5),
    ],
)
def test_a_number_has_the_role_that_its_words_give(
    text: str, role: str | None, value: float
) -> None:
    number = only(text)
    assert number.role == role
    assert number.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit"),
    [("10%", "%"), ("loss nan after 100 epochs", "epochs"), ("on 24 GB", "gb"), ("4.14", None)],
)
def test_a_number_keeps_its_unit(text: str, unit: str | None) -> None:
    assert only(text).unit == unit


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("simclr loss stuck at 5.54 batch size 128", [5.54]),
        ("loss is 4.14 (batch 32, tau 0.5)", [4.14]),
        ("linear acc 0.52 while the loss is 4.14", [4.14]),
        ("kNN 1.2 loss 8.29", [8.29]),
        ("weight decay 0.05, loss 7.62", [7.62]),
        ("loss 4.14 top1 54.3", [4.14]),
        ("loss from 4.9 to 4.14", [4.9, 4.14]),
        ("loss 4.14 ± 0.01", [4.14]),
        ("loss at 10% of 4.14", [4.14]),
        ("12:33:01.532 loss: 4.1431", [4.1431]),
        ("Epoch: [3][100/5004] Loss 6.9312e+00 (6.9400e+00)", [6.9312, 6.94]),
        ("train/loss 4.1431 lr 0.0003 z_std 0.00012", [4.1431]),
        ("ViT-B/16 at 224x224, torch 2.6, loss 4.14", [4.14]),
        ("batch 32 collapses at temperature 0.5", []),
    ],
)
def test_only_values_of_the_loss_are_read_as_losses(text: str, losses: list[float]) -> None:
    assert [number.value for number in understand(text).losses] == losses


def test_several_settings_come_out_under_config_names() -> None:
    said = understand("simclr bs32 lr0.1 tau0.5 on 4 gpus, loss stuck at 4.14")
    assert dict(said.settings) == {
        "batch_size": 32,
        "lr": 0.1,
        "temperature": 0.5,
        "world_size": 4,
        "method": "simclr",
    }


def test_the_first_mention_of_a_setting_counts() -> None:
    assert understand("batch size 32, also tried batch size 64").settings["batch_size"] == 32


def test_a_fractional_count_is_no_count() -> None:
    assert "batch_size" not in understand("batch 0.5").settings


@pytest.mark.parametrize(
    ("method", "role"), [("moco", "queue_size"), ("dino", "prototypes"), ("swav", "prototypes")]
)
def test_k_means_what_the_method_calls_k(method: str, role: str) -> None:
    assert understand(f"{method} with K = 65536").numbers[0].role == role


@pytest.mark.parametrize(
    ("text", "tolerance"),
    [
        ("4.14", 0.005),
        ("4.143", 0.0005),
        ("-0.98", 0.005),
        ("32", 0.5),
        ("65,536", 0.5),
        ("65k", 500),
        ("1e-3", 5e-4),
        ("3.0e-4", 5e-6),
        ("6.9312e+00", 5e-5),
        (".5", 0.05),
    ],
)
def test_the_tolerance_is_half_a_unit_of_the_last_digit(text: str, tolerance: float) -> None:
    assert only(text).tolerance == pytest.approx(tolerance)


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("SimCLR loss", ("simclr",)),
        ("nt-xent stuck", ("simclr",)),
        ("MoCo v2 and BYOL", ("moco", "byol")),
        ("CLIP loss 6.93", ("clip",)),
        ("gradient clipping at 1.0", ()),
        ("clip the gradients", ()),
        ("clip_grad_norm 3.0 with dino", ("dino",)),
        ("barlow-twins", ("barlow",)),
        ("nothing named", ()),
    ],
)
def test_methods_are_recognised_and_clipping_is_none(text: str, methods: tuple[str, ...]) -> None:
    assert understand(text).methods == methods


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ("z_std falls", {"z_std"}),
        ("proj_std falls", {"z_std"}),
        ("gradient norm is zero", {"grad_norm"}),
        ("kNN drops while the loss improves", {"knn_acc", "loss"}),
        ("linear probe accuracy", {"lin_acc"}),
        ("some_unknown_name", set()),
    ],
)
def test_metrics_are_named_by_the_vocabulary(text: str, metrics: set[str]) -> None:
    assert set(understand(text).metrics) == metrics


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("loss stuck at 4.14", {"flat"}),
        ("loss is not decreasing", {"flat"}),
        ("loss doesn't go down", {"flat"}),
        ("loss never drops", {"flat"}),
        ("loss decreases", {"down"}),
        ("loss increases", {"up"}),
        ("loss went NaN", {"nan"}),
        ("loss spikes", {"oscillates"}),
        ("kNN falls while the loss rises", {"up", "down"}),
        ("weight decay 1e-6", set()),
        ("loss plateaus, no NaN", {"flat"}),
    ],
)
def test_the_direction_is_read_with_its_negation(text: str, directions: set[str]) -> None:
    assert understand(text).directions == directions


@pytest.mark.parametrize("text", ["loss flat, no NaN", "loss flat without any nans"])
def test_what_is_said_to_be_absent_is_not_searched_for(text: str) -> None:
    said = understand(text)
    assert said.absent
    assert "nan" not in said.positive_text.lower()
    assert "nan" not in said.directions


def test_a_text_of_absences_alone_is_searched_as_it_is() -> None:
    assert understand("no NaN").positive_text == "no NaN"


def test_controls_and_escapes_are_dropped() -> None:
    assert understand("loss\x1b[31m stuck\x07\x9b2J at\u202e 4.14").text == "loss stuck at 4.14"


def test_lines_are_kept_apart_and_blank_ones_do_not_count() -> None:
    assert understand("\nloss stuck\n\nat 4.14\n").text == "loss stuck ; at 4.14"


def test_lone_surrogates_become_text_that_can_be_printed() -> None:
    assert understand("loss \udcff stuck").text.encode("utf-8")


@pytest.mark.parametrize("text", ["batch size 1e400", "loss 1e999", "B = 1e308", "lr 1e-400"])
def test_numbers_beyond_floats_do_no_harm(text: str) -> None:
    assert all(math.isfinite(number.value) for number in understand(text).numbers)


@given(st.text(max_size=400))
def test_no_text_raises(text: str) -> None:
    said = understand(text)
    assert len(said.text) <= 3 * MAX_CHARACTERS


@given(
    st.lists(
        st.sampled_from(
            ["loss", "batch size", "B", "=", ":", "32", "4.14", "1e-3", "65k", "%", "-", "of", "K",
             "temperature", "not", "decreasing", "no NaN", "e", ".", ",", "9" * 400, "1e999"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_no_mixture_of_words_and_numbers_raises(parts: list[str]) -> None:
    said = understand(" ".join(parts))
    assert all(number.tolerance >= 0 for number in said.numbers)


@pytest.mark.parametrize(
    "unit", ["1 ", "b=1,", "of ", "1,000 ", "loss ", "a", "-", " ", "e1.", "is at ", "1e", "4.14 ("]
)
def test_a_megabyte_takes_a_moment(unit: str) -> None:
    started = time.process_time()
    understand(unit * (1_000_000 // len(unit)))
    assert time.process_time() - started < 2
