"""Claims: what people pass as a run becomes vocabulary names, and what is missing stays missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.run_input import as_run, named_run
from kb.errors import InputUnreadable, UsageError
from kb.run import Run


def run_of(**values: object) -> Run:
    run = as_run(values)  # type: ignore[arg-type]
    assert run is not None
    return run


def test_nothing_is_no_run() -> None:
    assert as_run(None) is None
    assert named_run({}, {}) is None


def test_a_mapping_is_split_into_config_and_series() -> None:
    run = run_of(loss=4.143, batch_size=32, z_std=1e-4, method="SimCLR")
    assert dict(run.config) == {"batch_size": 32, "method": "simclr"}
    assert {name: one.values.tolist() for name, one in run.series.items()} == {
        "loss": [4.143],
        "z_std": [1e-4],
    }


def test_aliases_resolve_and_the_logged_name_is_kept() -> None:
    run = run_of(proj_std=[0.1, 0.2], bs=64, tau=0.1, num_gpus=8)
    assert dict(run.config) == {"batch_size": 64, "temperature": 0.1, "world_size": 8}
    assert run.series["z_std"].logged_as == "proj_std"


def test_numbers_of_numpy_are_numbers() -> None:
    run = run_of(batch_size=np.int64(32), temperature=np.float32(0.5), loss=np.float64(4.1))
    assert run.config["batch_size"] == 32
    assert run.config["temperature"] == pytest.approx(0.5)
    assert run.series["loss"].values.tolist() == [4.1]
    assert not run.unknown


def test_arrays_and_tuples_are_series() -> None:
    run = run_of(loss=np.linspace(5, 4, 3), z_std=(0.1, 0.2))
    assert run.series["loss"].values.tolist() == [5, 4.5, 4]
    assert run.series["z_std"].steps.tolist() == [0, 1]


def test_a_name_that_is_both_is_a_setting_alone_and_a_metric_in_a_row() -> None:
    assert run_of(lr=0.1).config["lr"] == 0.1
    assert run_of(lr=[0.1, 0.2]).series["lr"].values.tolist() == [0.1, 0.2]


def test_what_is_none_was_not_logged_and_is_not_nan() -> None:
    run = run_of(z_std=None, batch_size=None, loss=[4.2, None, 4.1])
    assert "z_std" not in run.series
    assert not run.config
    assert run.series["loss"].values.tolist() == [4.2, 4.1]
    assert run.series["loss"].steps.tolist() == [0, 2]


def test_nan_was_logged_and_stays() -> None:
    assert np.isnan(run_of(loss=[4.2, float("nan")]).series["loss"].values[-1])


def test_an_unknown_name_is_kept_apart() -> None:
    run = run_of(my_own_number=3.0)
    assert not run.series
    assert run.unknown["my_own_number"].values.tolist() == [3.0]


def test_the_method_counts_wherever_it_stands() -> None:
    first, last = run_of(method="vicreg", loss=1.0), run_of(loss=1.0, method="vicreg")
    assert first.series.keys() == last.series.keys()


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "high"},
        {"loss": ["a", "b"]},
        {"loss": object()},
        {"batch_size": "many"},
        {"batch_size": float("nan")},
        {"batch_size": float("inf")},
        {"batch_size": 0},
        {"temperature": -0.1},
    ],
)
def test_values_that_are_no_numbers_name_their_place(values: dict[str, object]) -> None:
    with pytest.raises(UsageError) as error:
        as_run(values)  # type: ignore[arg-type]
    assert next(iter(values)) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_is_the_run_that_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("step,loss\n0,4.2\n10,4.1\n", encoding="utf-8")
    for given in (path, str(path), tmp_path):
        run = as_run(given)
        assert run is not None
        assert run.series["loss"].values.tolist() == [4.2, 4.1]
        assert run.series["loss"].steps.tolist() == [0, 10]


def test_a_path_without_a_run_is_unreadable() -> None:
    with pytest.raises(InputUnreadable, match="/no/such/run"):
        as_run("/no/such/run")


def test_what_is_neither_run_nor_path_nor_mapping_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match=r"expected a mapping.*for example"):
        as_run(3)  # type: ignore[arg-type]


def test_options_become_a_run() -> None:
    run = named_run({"loss": "4.2,4.15,4.14", "z_std": "1e-4"}, {"batch_size": "32", "tau": "0.5"})
    assert run is not None
    assert run.series["loss"].values.tolist() == [4.2, 4.15, 4.14]
    assert dict(run.config) == {"batch_size": 32, "temperature": 0.5}


def test_a_setting_given_as_a_metric_and_the_reverse_are_understood() -> None:
    run = named_run({"batch_size": "32"}, {"z_std": "1e-4"})
    assert run is not None
    assert dict(run.config) == {"batch_size": 32}
    assert run.series["z_std"].values.tolist() == [1e-4]


@pytest.mark.parametrize(
    ("metrics", "settings", "hint"),
    [
        ({"z_sdt": "1"}, {}, 'did you mean "z_std"'),
        ({}, {"bach_size": "1"}, 'did you mean "batch_size"'),
        ({"loss": "abc"}, {}, "expected 0.02"),
        ({"loss": "4,,4"}, {}, "expected 0.02"),
        ({}, {"batch_size": "nan"}, "is no number"),
        ({}, {"batch_size": "-5"}, "above 0"),
        ({}, {"nothing_like_it_at_all": "1"}, "known: method"),
    ],
)
def test_a_slip_in_an_option_is_one_line_with_what_to_do(
    metrics: dict[str, str], settings: dict[str, str], hint: str
) -> None:
    with pytest.raises(UsageError) as error:
        named_run(metrics, settings)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)
