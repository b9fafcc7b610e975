"""The step of each record: counters that run on, counters that restart, epochs alone, nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from text_reading import found, points, read

from ingest.runs.formats.clock import Clock, Tick, counts, find_clocks
from ingest.runs.formats.delimited import FORMAT as TABLE
from ingest.runs.formats.json_lines import FORMAT as LINES
from ingest.runs.log import Log


def steps_of(*ticks: Tick) -> list[int]:
    clock = Clock(Log(), "log")
    return [clock.place(tick, again=at > 0).step for at, tick in enumerate(ticks)]


@pytest.mark.parametrize(
    "name",
    "step global_step _step Step trainer/global_step train/global_step num_updates".split()
    + "train_num_updates iteration iter itr it".split(),
)
def test_names_that_count_steps(name: str) -> None:
    assert counts(name) in ("steps", "steps of an epoch")


@pytest.mark.parametrize("name", ["epoch", "ep", "Epoch", "train/epoch"])
def test_names_that_count_epochs(name: str) -> None:
    assert counts(name) == "epochs"


@pytest.mark.parametrize(
    "name", ["loss", "step_time", "iter_time", "loss_step", "loss_epoch", "current_batch_size", "s"]
)
def test_other_names_are_no_clocks(name: str) -> None:
    assert counts(name) is None


def test_counters_of_the_whole_run_are_preferred_and_all_are_found() -> None:
    clocks = find_clocks(["iter", "loss", "epoch", "step"])
    assert (clocks.step, clocks.epoch, clocks.all) == (3, 2, frozenset({0, 2, 3}))
    assert find_clocks(["itr", "num_updates"]).step == 1
    assert find_clocks(["iter", "trainer/global_step"]).restarts is False


def test_batch_counts_only_beside_an_epoch() -> None:
    assert find_clocks(["epoch", "batch", "loss"]).step == 1
    assert find_clocks(["batch", "loss"]).all == frozenset()


def test_a_global_step_is_used_as_it_is() -> None:
    assert steps_of(Tick(0, 0), Tick(50, 0), Tick(100, 1)) == [0, 50, 100]


def test_a_counter_that_restarts_is_added_to_the_length_of_the_first_epoch() -> None:
    ticks = [Tick(number, epoch, restarts=True) for epoch in (1, 2, 3) for number in (0, 4, 9)]
    assert steps_of(*ticks) == [0, 4, 9, 10, 14, 19, 20, 24, 29]


def test_a_counter_that_is_the_same_in_each_epoch_restarts() -> None:
    assert steps_of(*(Tick(97, epoch, restarts=True) for epoch in range(3))) == [97, 195, 293]


def test_a_counter_that_runs_on_through_an_epoch_is_global_even_if_it_falls_later() -> None:
    ticks = [Tick(9, 0, True), Tick(19, 1, True), Tick(12, 2, True)]
    assert steps_of(*ticks) == [9, 19, 12]


def test_the_meters_total_is_the_length_of_an_epoch() -> None:
    ticks = [Tick(10, 0, True, 100), Tick(90, 0, True, 100), Tick(10, 1, True, 100)]
    assert steps_of(*ticks) == [10, 90, 110]


def test_epochs_counted_from_1_do_not_shift_the_steps() -> None:
    assert steps_of(Tick(10, 1, True, 100), Tick(10, 2, True, 100)) == [10, 110]
    assert steps_of(Tick(10, 50, True, 100)) == [5010]


def test_an_epoch_longer_than_the_first_does_not_reach_into_the_next() -> None:
    ticks = [Tick(n, e, True) for e, n in ((0, 5), (1, 0), (1, 8), (2, 0))]
    steps = steps_of(*ticks)
    assert steps == sorted(set(steps))


def test_an_epoch_alone_is_the_step_and_adds_no_step_column() -> None:
    log = read(LINES, '{"epoch": 3, "loss": 2.0}\n{"epoch": 4, "loss": 1.0}\n')
    assert points(log, "loss") == [(3, 2.0), (4, 1.0)]
    assert points(log, "epoch") == [(3, 3.0), (4, 4.0)]
    assert "step" not in log.columns


def test_several_records_in_an_epoch_are_numbered() -> None:
    text = "".join(f'{{"epoch": {at // 3}, "loss": {at}}}\n' for at in range(6))
    log = read(LINES, text)
    assert points(log, "loss") == [(at, float(at)) for at in range(6)]
    assert log.findings == []


def test_fractional_epochs_number_the_records() -> None:
    text = "".join(f'{{"epoch": {at / 4}, "loss": {at}}}\n' for at in range(6))
    log = read(LINES, text)
    assert list(log.columns["loss"].steps) == list(range(6))
    assert list(log.columns["epoch"].values) == [at / 4 for at in range(6)]


def test_a_second_run_of_epochs_goes_back() -> None:
    log = read(LINES, "".join(f'{{"epoch": {at}, "loss": 1}}\n' for at in (0, 1, 2, 1, 2)))
    assert list(log.columns["loss"].steps) == [0, 1, 2, 1, 2]
    assert found(log, "step went back")[0].step == 1


def test_without_a_clock_records_are_numbered() -> None:
    log = read(TABLE, "loss,acc\n3,0.1\n2,0.2\n", "x.csv")
    assert points(log, "loss") == [(0, 3.0), (1, 2.0)]
    assert "step" not in log.columns
    assert "epoch" not in log.columns


def test_an_epoch_alone_among_steps_stands_at_the_last_step() -> None:
    text = '{"step": 40, "epoch": 0, "loss": 1}\n{"epoch": 0, "val_loss": 2}\n{"knn_acc": 0.5}\n'
    log = read(LINES, text)
    assert points(log, "val_loss") == [(40, 2.0)]
    assert points(log, "knn_acc") == [(40, 0.5)]
    assert points(log, "step") == [(40, 40.0)]
    assert found(log, "mixed clocks")[0].step == 40


def test_mmengines_validation_epoch_called_step_does_not_go_back() -> None:
    text = (
        '{"loss": 1, "time": 0.1, "epoch": 1, "iter": 90, "step": 90}\n'
        '{"accuracy/top1": 60, "time": 0.2, "step": 1}\n'
        '{"loss": 0.9, "time": 0.1, "epoch": 2, "iter": 180, "step": 180}\n'
    )
    log = read(LINES, text)
    assert points(log, "accuracy/top1") == [(90, 60.0)]
    assert found(log, "step went back") == []


def test_steps_that_go_back_are_kept_in_order_and_found_with_both_numbers() -> None:
    log = read(LINES, "".join(f'{{"step": {at}, "loss": 1}}\n' for at in (0, 10, 20, 5, 15, 25)))
    assert list(log.columns["loss"].steps) == [0, 10, 20, 5, 15, 25]
    assert list(log.columns["step"].values) == [0, 10, 20, 5, 15, 25]
    finding = found(log, "step went back")[0]
    assert finding.step == 5
    assert "from 20 to 5" in finding.text


def test_the_same_metric_at_the_same_step_is_found_and_kept() -> None:
    log = read(LINES, '{"step": 1, "loss": 1}\n{"step": 1, "loss": 2}\n')
    assert points(log, "loss") == [(1, 1.0), (1, 2.0)]
    assert found(log, "step repeated")[0].step == 1


def test_different_metrics_at_the_same_step_are_no_repetition() -> None:
    log = read(LINES, '{"step": 1, "loss": 1}\n{"step": 1, "lr": 2}\n{"step": 2, "loss": 2}\n')
    assert log.findings == []
    assert points(log, "step") == [(1, 1.0), (2, 2.0)]


def test_clocks_that_are_not_finite_are_no_clocks() -> None:
    assert steps_of(Tick(float("nan")), Tick(float("inf"), float("nan"))) == [0, 1]


numbers = st.none() | st.floats() | st.integers(-(2**70), 2**70).map(float)


@given(st.lists(st.tuples(numbers, numbers, st.booleans(), st.integers(0, 2**70)), max_size=12))
def test_any_clocks_give_steps_that_fit_64_bits(
    ticks: list[tuple[float | None, float | None, bool, int]],
) -> None:
    steps = steps_of(*(Tick(*tick) for tick in ticks))
    assert all(-(2**63) < step < 2**63 for step in steps)
    assert len(steps) == len(ticks)
