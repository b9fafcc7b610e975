"""Numbers as people paste them: each way is read, what is not understood is said."""

from __future__ import annotations

import json
import math
import time

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assistant.cli import group, main
from assistant.exit_codes import ExitCode
from assistant.pasted import MOST_CHARACTERS, MOST_NAMES, MOST_VALUES, read_pasted
from assistant.pasted_words import meaning
from assistant.run_input import as_run
from kb.vocabulary import vocabulary

SNAPSHOT = {"loss": 4.143, "batch_size": 32, "z_std": 1e-4}


@pytest.mark.parametrize(
    "text",
    [
        "loss 4.143, batch 32, z_std 1e-4",
        "loss=4.143\nbatch_size=32\nz_std=1e-4",
        "loss: 4.143 batch: 32 z_std: 0.0001",
        "loss = 4.143; bs = 32; z_std = 1e-4",
        "{'loss': 4.143, 'batch_size': 32, 'z_std': 1e-4}",
        '{"loss": 4.143, "config": {"batch_size": 32}, "stats": {"z_std": 1e-4}}',
        "metrics = {'train/loss': 4.143, 'bs': 32, 'z_std': 1e-4}",
        "my loss is stuck at 4.143 with a batch size of 32, z_std is 1e-4",
        "4.143 loss, 32 per GPU, z_std 1e-4",
        "loss,z_std,batch_size\n4.143,1e-4,32",
        "| loss | z_std | batch |\n|------|-------|-------|\n| 4.143 | 0.0001 | 32 |",
        "loss: 4.143 (4.2)  z_std: 1e-4  B=32",
    ],
)
def test_a_snapshot_is_read_however_it_was_written(text: str) -> None:
    assert dict(read_pasted(text).numbers) == SNAPSHOT


def test_the_clock_of_a_snapshot_takes_part_and_that_of_several_lines_only_orders_them() -> None:
    assert read_pasted("epoch 90, loss 4.1").numbers == {"epoch": 90, "loss": 4.1}
    assert read_pasted("epoch 1 loss 4.2\nepoch 2 loss 4.1").numbers == {"loss": [4.2, 4.1]}


def test_a_log_line_is_read_without_its_clock_time_and_running_means() -> None:
    line = "2024-01-02 12:33:11 INFO Epoch: [3][ 40/390] Loss 4.1432 (4.1500) lr 0.03"
    assert dict(read_pasted(line).numbers) == {"loss": 4.1432, "lr": 0.03}


def test_several_lines_give_a_series_in_their_order() -> None:
    lines = "\n".join(f"epoch {n} loss {4.2 - n / 100:.2f}" for n in range(4))
    pasted = read_pasted(lines)
    assert pasted.numbers == {"loss": [4.2, 4.19, 4.18, 4.17]}
    assert [(one.name, one.kind) for one in pasted.names] == [
        ("epoch", "clock"),
        ("loss", "metric"),
    ]


@pytest.mark.parametrize(
    "text", ["loss 4.2 4.15 4.14", "loss: [4.2, 4.15, 4.14]", '{"loss": [4.2, 4.15, 4.14]}']
)
def test_several_values_of_one_name_are_a_series(text: str) -> None:
    assert read_pasted(text).numbers == {"loss": [4.2, 4.15, 4.14]}


def test_json_lines_are_one_series() -> None:
    text = '{"step": 1, "loss": 4.2}\n{"step": 2, "loss": NaN}'
    values = read_pasted(text).numbers["loss"]
    assert isinstance(values, list)
    assert values[0] == 4.2
    assert math.isnan(values[1])


def test_a_share_in_percent_is_a_share_and_a_metric_in_percent_stays() -> None:
    assert read_pasted("kNN acc 12%, gpu_util 40%").numbers == {"knn_acc": 0.12, "gpu_util": 40}


def test_a_method_is_read_from_words_or_from_its_setting() -> None:
    assert read_pasted("simclr, loss 4.1").numbers["method"] == "simclr"
    assert read_pasted('{"method": "byol", "loss": 1.2}').numbers["method"] == "byol"


def test_what_is_not_understood_is_said_with_the_reason() -> None:
    pasted = read_pasted("7, rank 3, losss 4.1, loss 4.2")
    assert pasted.not_understood == ("7: no name stands with it",)
    reasons = {one.name: one.reason for one in pasted.names if one.meaning is None}
    assert "rankme_h" in reasons["rank"]
    assert 'did you mean "loss"' in reasons["losss"]
    assert pasted.numbers["losss"] == 4.1, "kept, so that the run lists it as not understood"


def test_a_setting_given_twice_counts_as_given_last() -> None:
    pasted = read_pasted("batch_size 32\nbatch_size 64\nloss 4.1")
    assert pasted.numbers["batch_size"] == 64
    assert "several times" in pasted.names[0].reason


def test_two_names_of_one_metric_do_not_mix() -> None:
    pasted = read_pasted("loss 4.1, train_loss 5.2")
    assert pasted.numbers == {"loss": 4.1}
    assert pasted.names[1].reason == "loss was given before"


@pytest.mark.parametrize("name", vocabulary().names())
def test_every_metric_goes_through_under_its_own_name(name: str) -> None:
    known = meaning(name)
    if known is None:
        pytest.skip("ambiguous without a definition")
    run = as_run(read_pasted(f"{name} = 0.5").numbers)
    assert run is not None
    assert known in run.series or known in run.config or "teacher_temperature" in run.config


@given(st.text(max_size=300))
def test_no_text_raises_and_what_comes_out_can_be_judged(text: str) -> None:
    pasted = read_pasted(text)
    for name, value in pasted.numbers.items():
        assert name
        assert isinstance(value, int | float | str | list)
    json.dumps(pasted.to_dict(), allow_nan=False)


@given(
    st.dictionaries(
        st.sampled_from(["loss", "z_std", "grad_norm", "knn_acc", "pos_sim"]),
        st.floats(-1e6, 1e6).map(lambda value: float(f"{value:.6g}")),
        min_size=1,
    ),
    st.sampled_from([", ", "\n", "; ", " | "]),
    st.sampled_from([" ", "=", ": ", " = "]),
)
def test_what_is_written_as_pairs_is_read_back(
    values: dict[str, float], between: str, joint: str
) -> None:
    text = between.join(f"{name}{joint}{value!r}" for name, value in values.items())
    assert read_pasted(text).numbers == pytest.approx(values)
    assert read_pasted(json.dumps(values)).numbers == pytest.approx(values)
    assert read_pasted(repr(values)).numbers == pytest.approx(values)


def test_hostile_text_is_bounded_and_stays_text() -> None:
    begun = time.process_time()
    read_pasted("{" * 100_000)
    read_pasted("loss " * 50_000)
    read_pasted("1 " * 100_000)
    read_pasted("[" * 5_000 + "]" * 5_000)
    many = read_pasted("\n".join(f"metric_{n} {n}.5" for n in range(2 * MOST_NAMES)))
    assert len(many.numbers) == MOST_NAMES
    assert any("names" in odd for odd in many.not_understood)
    long = read_pasted("loss " + "4.1 " * (2 * MOST_VALUES))
    assert len(long.numbers["loss"]) == MOST_VALUES  # type: ignore[arg-type]
    assert read_pasted("x" * MOST_CHARACTERS + " loss 4.1").numbers == {}
    escape = read_pasted("lo\x1b]52;c;aGk=\x07ss\u202e 4.1")
    assert escape.numbers == {"loss": 4.1}
    assert time.process_time() - begun < 5


def test_a_python_literal_is_data_and_never_run() -> None:
    pasted = read_pasted("{'loss': __import__('os').system('true')}")
    assert pasted.numbers == {}


def test_the_command_judges_pasted_numbers_like_a_run() -> None:
    result = CliRunner().invoke(
        group,
        ["diagnose", "--json", "--numbers", "loss 4.143, batch 32, z_std 1e-4, simclr, blah 3"],
        standalone_mode=False,
    )  # fmt: skip
    answer = json.loads(result.stdout)
    assert result.return_value == ExitCode.SICK
    assert answer["diagnoses"][0]["entry"]["id"] == "contrastive/chance-level-loss"
    assert {"name": "batch", "meaning": "batch_size"}.items() <= answer["numbers"]["names"][
        2
    ].items()
    assert answer["run"]["config"]["method"] == "simclr"


def test_the_command_tells_how_it_read_and_takes_settings_and_stdin() -> None:
    result = CliRunner().invoke(
        group, ["diagnose", "--numbers", "-", "--set", "batch_size=32"],
        input="loss 4.143\nfoo 3\n",
        standalone_mode=False,
    )  # fmt: skip
    told, verdict = result.stdout.split("\n\n")[:2]
    assert [line.strip() for line in told.splitlines()] == [
        "loss: 4.143",
        "foo is not used: 3 (not in the vocabulary)",
    ]
    assert verdict.startswith("Run: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diagnose"], "--numbers TEXT"),
        (["diagnose", "run", "--numbers", "loss 4"], "leave PATH"),
        (["diagnose", "--numbers", "hello"], "no number of a known metric"),
    ],
)
def test_a_call_that_cannot_be_meant_says_what_is_missing(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["ssl-doctor", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == ExitCode.USAGE
    assert said in capsys.readouterr().err
