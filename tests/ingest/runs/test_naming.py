"""Claims: each metric is read from one column, nothing is mixed or lost, and reasons are given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.runs.naming import name_columns
from kb.errors import UsageError
from kb.run import FloatArray, Naming
from kb.vocabulary import vocabulary


def column(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


def named(
    columns: dict[str, FloatArray], method: str | None = None, logger: str = "", **chosen: str
) -> dict[str, Naming]:
    found = name_columns(columns, method=method, logger=logger, chosen=chosen)
    assert [one.logged_as for one in found] == list(columns)
    return {one.logged_as: one for one in found}


def metrics(columns: dict[str, FloatArray], method: str | None = None) -> dict[str, str | None]:
    return {name: one.metric for name, one in named(columns, method).items()}


def test_known_names_become_metrics_and_unknown_ones_stay() -> None:
    found = named({"train_loss": column(4, 3), "queue_ptr": column(0, 256)})
    assert found["train_loss"].metric == "loss"
    assert found["queue_ptr"].metric is None
    assert found["queue_ptr"].reason == "not in the vocabulary"


def test_the_column_with_more_values_is_the_metric_and_the_other_says_so() -> None:
    found = named({"train_loss_epoch": column(4, 3), "train_loss_step": column(4, 3.5, 3)})
    assert found["train_loss_step"].metric == "loss"
    assert found["train_loss_epoch"].metric is None
    assert found["train_loss_epoch"].candidates == ("loss",)
    assert (
        "train_loss_step, which has more values (3 against 2)" in found["train_loss_epoch"].reason
    )


def test_of_equally_long_columns_the_vocabularys_own_name_counts() -> None:
    assert metrics({"total_loss": column(4, 3), "loss": column(4, 3)}) == {
        "total_loss": None,
        "loss": "loss",
    }


def test_held_out_loss_is_a_metric_of_its_own() -> None:
    assert metrics({"train_loss": column(3), "val_loss": column(4), "test_loss": column(5)}) == {
        "train_loss": "loss",
        "val_loss": "val/loss",
        "test_loss": None,
    }


def test_of_accuracies_the_held_out_one_counts_even_if_shorter() -> None:
    found = named(
        {"train_online_cls_top1": column(0.1, 0.2, 0.3), "val_online_cls_top1": column(0.2)}
    )
    assert found["val_online_cls_top1"].metric == "online_acc"
    assert found["train_online_cls_top1"].metric is None
    assert "not mixed: the val one counts" in found["train_online_cls_top1"].reason


def test_of_everything_else_the_training_one_counts_even_if_shorter() -> None:
    found = named({"val_z_std": column(0.1, 0.1, 0.1), "train_z_std": column(0.1)})
    assert found["train_z_std"].metric == "z_std"
    assert "the train one counts" in found["val_z_std"].reason


def test_a_metric_logged_only_on_held_out_data_keeps_its_metric() -> None:
    assert metrics({"val_z_std": column(0.1)}) == {"val_z_std": "z_std"}


def test_the_pretext_accuracy_is_that_of_training() -> None:
    found = metrics({"val/contrast_acc": column(0.1, 0.2), "train/contrast_acc": column(0.1)})
    assert found == {"val/contrast_acc": None, "train/contrast_acc": "contrast_acc"}


@pytest.mark.parametrize(
    ("values", "scale"),
    [((12.5, 61.0), 0.01), ((0.125, 0.61), 1.0), ((0.99, 1.2), 1.0), ((float("nan"), 40), 0.01)],
)
def test_accuracies_above_one_and_a_half_are_percent(
    values: tuple[float, ...], scale: float
) -> None:
    found = named({"knn_top1": column(*values)})["knn_top1"]
    assert (found.metric, found.scale) == ("knn_acc", scale)
    assert ("percent" in found.reason) == (scale != 1)


def test_a_count_is_no_share() -> None:
    found = named({"skipped_steps": column(0, 3, 120)})["skipped_steps"]
    assert (found.metric, found.candidates) == (None, ("skipped_steps",))
    assert "no skipped_steps, which is a share" in found.reason


def test_milliseconds_become_seconds() -> None:
    found = named({"time (ms)": column(250.0)})["time (ms)"]
    assert (found.metric, found.scale) == ("step_time", 0.001)


def test_a_name_with_two_meanings_is_decided_by_the_method_or_not_at_all() -> None:
    columns = {"embedding_std": column(0.02, 0.03)}
    assert metrics(columns, "simclr") == {"embedding_std": "z_std"}
    undecided = named(columns)["embedding_std"]
    assert undecided.metric is None
    assert set(undecided.candidates) == {"raw_std", "z_std"}


def test_the_logger_decides_where_only_it_can() -> None:
    columns = {"val_acc1": column(40.0)}
    assert named(columns)["val_acc1"].metric is None
    found = named(columns, logger="lightning solo-learn")["val_acc1"]
    assert (found.metric, found.scale) == ("online_acc", 0.01)


def test_what_the_user_chose_goes_before_everything() -> None:
    columns = {"loss": column(1, 2, 3), "my_loss": column(5)}
    found = named(columns, my_loss="loss")
    assert found["my_loss"] == Naming("my_loss", "loss", "chosen by --map", chosen=True)
    assert found["loss"].metric is None
    assert "chosen by --map" in found["loss"].reason


def test_a_chosen_share_in_percent_is_scaled_too() -> None:
    found = named({"dead": column(3.0, 40.0)}, dead="dead_dims")["dead"]
    assert (found.metric, found.scale) == ("dead_dims", 0.01)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"los": "loss"}, '"los" is not in the log, did you mean "loss"?'),
        ({"loss": "z_sdt"}, 'unknown metric "z_sdt", did you mean "z_std"?'),
        ({"loss": "z_std", "other": "z_std"}, '"loss" and "other" cannot both be z_std'),
    ],
)
def test_a_slip_in_a_choice_is_told(chosen: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        name_columns({"loss": column(1), "other": column(1)}, chosen=chosen)
    assert message in str(error.value)


_NAMES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        "loss train_loss val_loss total_loss train/loss knn_top1 val_knn_top1 lr lr-Adam/pg1 temp "
        "tau std epoch step acc1 val_acc1 momentum z_std train_z_std val_z_std clip".split()
    ),
)
_VALUES = st.lists(st.floats(width=64), min_size=1, max_size=5).map(lambda held: column(*held))


@given(
    columns=st.dictionaries(_NAMES, _VALUES, max_size=12),
    method=st.sampled_from([None, "simclr", "byol", "moco", ""]),
)
def test_any_columns_are_named_once_each_whatever_their_order(
    columns: dict[str, FloatArray], method: str | None
) -> None:
    found = named(columns, method)
    taken = [one.metric for one in found.values() if one.metric is not None]
    assert len(taken) == len(set(taken))
    assert all(metric in vocabulary() for metric in taken)
    assert all(one.reason for one in found.values())
    assert named(dict(reversed(columns.items())), method) == found
