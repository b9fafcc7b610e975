"""Claims: Kleene's logic holds; reducers equal hand-computed values; every verdict carries the
numbers it rests on, or the names that it lacks; no run makes an evaluation raise.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.catalogue import Catalogue
from kb.run import CONFIG_NAMES, Run, Series, Snapshot
from kb.signature import Clause, Reductions, Signature, evaluate, evaluate_value, parse
from kb.signature.evaluate import State
from kb.signature.reducers import REDUCERS, reduce_series
from kb.signature.robust import MAX_POINTS
from kb.types import Scalar
from kb.vocabulary import vocabulary

NAN, INF = math.nan, math.inf


def a_run(config: Mapping[str, Scalar] | None = None, **series: Sequence[float] | float) -> Run:
    named = {name.replace("__", "/"): values for name, values in series.items()}
    return Run(
        config or {}, {name: Series.from_values(name, values) for name, values in named.items()}
    )


def state(source: str, run: Run) -> State:
    return evaluate(parse(source), run).state


# Logic

CLAUSES: dict[State, str] = {"fired": "lr > 0", "silent": "lr < 0", "unknown": "dim > 0"}
TRUTH = {"silent": 0.0, "unknown": 0.5, "fired": 1.0}
STATES: tuple[State, ...] = ("fired", "silent", "unknown")


@pytest.mark.parametrize(("left", "right"), list(itertools.product(STATES, STATES)))
def test_and_and_or_follow_kleene(left: State, right: State) -> None:
    run = a_run({"lr": 0.1})
    both = state(f"{CLAUSES[left]} and {CLAUSES[right]}", run)
    either = state(f"{CLAUSES[left]} or {CLAUSES[right]}", run)
    assert TRUTH[both] == min(TRUTH[left], TRUTH[right])
    assert TRUTH[either] == max(TRUTH[left], TRUTH[right])


@pytest.mark.parametrize("one", STATES)
def test_not_turns_round_what_is_known(one: State) -> None:
    assert TRUTH[state(f"not {CLAUSES[one]}", a_run({"lr": 0.1}))] == 1 - TRUTH[one]
    assert TRUTH[state(f"not ({CLAUSES[one]} or dim > 1)", a_run({"lr": 0.1}))] == (
        0.0 if one == "fired" else 0.5
    )


@pytest.mark.parametrize("states", list(itertools.product(STATES, repeat=3)))
def test_nested_logic_follows_kleene(states: tuple[State, State, State]) -> None:
    a, b, c = (CLAUSES[one] for one in states)
    x, y, z = (TRUTH[one] for one in states)
    found = state(f"({a} or not ({b})) and ({c})", a_run({"lr": 0.1}))
    assert TRUTH[found] == min(max(x, 1 - y), z)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("0 < lr < 1", "fired"),
        ("0 < lr < 0.01", "silent"),
        ("1 < lr < dim", "silent"),
        ("0 < lr < dim", "unknown"),
        ("dim < lr < 0", "silent"),
    ],
)
def test_a_chain_is_an_and_of_its_links(source: str, expected: State) -> None:
    assert state(source, a_run({"lr": 0.1})) == expected


def test_what_is_missing_is_named_where_it_matters() -> None:
    run = a_run({"lr": 0.1}, loss=[1.0] * 10)
    verdict = evaluate(parse("z_std.last < 1 and dim > 2 and lr > 0"), run)
    assert verdict.missing == ("dim", "z_std")
    assert evaluate(parse("z_std.last < 1 and lr < 0"), run).missing == ()
    assert evaluate(parse("z_std.last < 1 or lr > 0"), run).missing == ()
    assert evaluate(parse("not (z_std.last < 1)"), run).missing == ("z_std",)
    assert evaluate(parse("loss.slope < 1"), run).missing == ("loss (slope needs more points)",)
    assert evaluate(parse("near(loss.last, chance(nt_xent), rel=lr)"), run).missing == (
        "batch_size",
    )
    assert evaluate(parse("max(lr, dim) < epochs"), run).missing == ("dim", "epochs")
    assert evaluate(parse("term__inv.last > 0"), run).missing == ("term/inv",)


def test_every_clause_keeps_the_numbers_it_looked_at() -> None:
    run = a_run({"batch_size": 32, "lr": 0.1, "method": "simclr"}, loss=[4.2, 4.143], z_std=0.5)
    verdict = evaluate(
        parse(
            "near(loss.last, chance(nt_xent), rel=0.01) and z_std.last * sqrt(dim) < 1"
            " and lr > 1 and method in ('byol', 'simsiam')"
        ),
        run,
    )
    assert verdict.state == "silent"
    assert verdict.clauses == (
        Clause(
            "near(loss.last, chance(nt_xent), rel=0.01)",
            "fired",
            (("loss.last", 4.143), ("chance(nt_xent)", math.log(63))),
            sides=(4.143, math.log(63)),
        ),
        Clause(
            "z_std.last * sqrt(dim) < 1", "unknown", (("z_std.last", 0.5),), ("dim",), sides=(1.0,)
        ),
        Clause("lr > 1", "silent", (("lr", 0.1),), sides=(0.1, 1.0)),
        Clause("method in ('byol', 'simsiam')", "silent", (("method", "simclr"),)),
    )


def test_defined_is_never_unknown() -> None:
    run = a_run({"lr": 0.1}, loss=[NAN])
    assert state("defined(lr)", run) == "fired"
    assert state("defined(loss)", run) == "fired"
    assert state("defined(dim)", run) == "silent"
    assert state("defined(term__inv)", run) == "silent"
    assert state("defined(z_std)", Run({}, {"z_std": Series.from_values("z_std", [])})) == "silent"


def test_defined_tells_a_setting_from_the_metric_of_that_name() -> None:
    logged = a_run({}, lr=[0.1, 0.2])
    assert state("defined(lr)", logged) == "silent"
    assert state("defined(lr.n)", logged) == "fired"
    assert state("defined(lr)", a_run({"lr": 0.1})) == "fired"
    assert state("defined(lr.n)", a_run({"lr": 0.1})) == "silent"


@pytest.mark.parametrize(("count", "expected"), [(15, "silent"), (16, "fired")])
def test_defined_with_a_reducer_needs_enough_values_for_it(count: int, expected: State) -> None:
    run = a_run(loss=[1.0] * count)
    assert state("defined(loss.slope)", run) == expected
    assert state("not defined(loss.slope)", run) != expected


def test_reductions_are_worked_out_once_for_all_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def counted(series: Series, reducer: str) -> float | None:
        asked.append((series.metric, reducer))
        return reduce_series(series, reducer)

    monkeypatch.setattr(import_module("kb.signature.evaluate"), "reduce_series", counted)
    run = a_run(loss=[1.0, 2.0], z_std=[0.1])
    shared = Reductions(run)
    for source in ("loss.last > 1 and loss.slope > 0", "loss.last > 3 or z_std.last < 1"):
        alone, together = evaluate(parse(source), run), evaluate(parse(source), run, shared)
        assert alone == together
    assert len(asked) == 4 + 3
    asked.clear()
    evaluate(parse("loss.last > 1 and loss.slope > 0"), run, shared)
    assert asked == []


# Comparisons


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "!="])
def test_a_comparison_with_nan_is_silent(operator: str) -> None:
    run = a_run({"lr": NAN}, loss=[1.0, NAN])
    assert state(f"loss.last {operator} 1", run) == "silent"
    assert state(f"1 {operator} loss.last", run) == "silent"
    assert state(f"lr {operator} lr", run) == "silent"


def test_nan_is_in_no_list_and_outside_of_none() -> None:
    run = a_run({"lr": NAN})
    assert state("lr in (1, 2)", run) == "silent"
    assert state("lr not in (1, 2)", run) == "silent"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("near(loss.last, 4.0, rel=0.05)", "fired"),
        ("near(loss.last, 4.0, rel=0.02)", "silent"),
        ("near(loss.last, 4.0, abs=0.1)", "fired"),
        ("near(loss.last, 4.0, abs=0.09)", "silent"),
        ("near(loss.last, 4.0, rel=0.0001, abs=0.1)", "fired"),
        ("near(loss.last, -4.1, rel=0.5)", "silent"),
        ("near(-loss.last, -4.0, rel=0.05)", "fired"),
        ("near(0, 0, rel=0.1)", "fired"),
        ("near(loss.last, loss.last / 0, rel=0.1)", "silent"),
        ("near(1, grad_norm.last, rel=0.1)", "silent"),
        ("near(grad_norm.last, grad_norm.last, rel=0.1)", "silent"),
        ("near(1, 1, abs=z_std.last)", "silent"),
        ("near(1, 1, rel=z_std.last, abs=1)", "silent"),
        ("near(1, 2, rel=1, abs=dim)", "unknown"),
    ],
)
def test_near_is_a_relative_or_an_absolute_distance(source: str, expected: State) -> None:
    assert state(source, a_run(loss=4.1, grad_norm=INF, z_std=NAN)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("method == 'simclr'", "fired"),
        ("method != 'simclr'", "silent"),
        ("method == 'byol'", "silent"),
        ("method in ('simclr', 'byol')", "fired"),
        ("method not in ('simclr', 'byol')", "silent"),
        ("method not in ('moco',)", "fired"),
        ("precision == 'fp16'", "unknown"),
        ("batch_size in (32, 64)", "fired"),
        ("batch_size not in (32, 64)", "silent"),
    ],
)
def test_text_is_compared_by_being_equal(source: str, expected: State) -> None:
    assert state(source, a_run({"method": "simclr", "batch_size": 32})) == expected


@pytest.mark.parametrize("value", ["auto", "1e-3"])
def test_a_setting_that_should_be_a_number_never_fires_a_comparison(value: str) -> None:
    run = a_run({"batch_size": value})
    for operator in ("<", "<=", ">", ">=", "=="):
        assert state(f"batch_size {operator} 64", run) == "silent"
        assert state(f"64 {operator} batch_size", run) == "silent"
        assert state(f"batch_size * 1 {operator} 64", run) == "silent"
    assert state("batch_size != 64", run) == "fired"
    assert state("near(loss.last, chance(nt_xent), rel=1)", a_run(run.config, loss=4)) == "silent"


# Arithmetic


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("lr / 10", 0.05),
        ("-lr + 1", 0.5),
        ("+lr", 0.5),
        ("2 ** 3 ** 2", 512.0),
        ("lr - 1 * 2", -1.5),
        ("ln(exp(lr))", 0.5),
        ("sqrt(lr * 8)", 2.0),
        ("abs(-lr)", 0.5),
        ("min(lr, 1, 0.25)", 0.25),
        ("max(lr, 1, 0.25)", 1.0),
        ("chance(nt_xent)", math.log(63)),
        ("lr / 0", None),
        ("ln(0)", None),
        ("ln(-lr)", None),
        ("sqrt(-1)", None),
        ("exp(1000)", None),
        ("10 ** 999", None),
        ("(-8) ** 0.5", None),
        ("dim / 2", None),
        ("min(lr, 0 / 0)", None),
        ("max(0 / 0, lr)", None),
        ("method * 2", None),
        ("lr > 1", None),
        ("defined(lr)", None),
    ],
)
def test_an_amount_is_worked_out_or_none(source: str, value: float | None) -> None:
    run = a_run({"lr": 0.5, "batch_size": 32, "method": "simclr"})
    assert evaluate_value(parse(source), run) == (
        None if value is None else pytest.approx(value, rel=1e-12)
    )


def test_an_amount_as_a_signature_fires_when_it_is_not_zero() -> None:
    assert state("lr", a_run({"lr": 0.1})) == "fired"
    assert state("lr", a_run({"lr": 0})) == "silent"
    assert state("lr", a_run({"lr": NAN})) == "silent"
    assert state("lr", a_run()) == "unknown"


def test_a_closed_form_takes_only_its_own_settings() -> None:
    odd: dict[str, Any] = {"batch_size": 32, "self": 1, "config": 2, "optimizer": "adamw"}
    assert evaluate_value(parse("chance(nt_xent)"), a_run(odd)) == pytest.approx(math.log(63))


# Reducers

TEN = [5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0]


@pytest.mark.parametrize(
    ("reducer", "values", "expected"),
    [
        ("first", TEN, 5.0),
        ("last", TEN, 10.0),
        ("min", TEN, 1.0),
        ("max", TEN, 10.0),
        ("mean", TEN, 5.5),
        ("level", TEN, 9.5),
        ("start", TEN, 5.0),
        ("start", [3.0, 1.0, *range(18)], 2.0),
        ("nonfinite", TEN, 0.0),
        ("n", TEN, 10.0),
        ("first", [NAN, 2.0, 3.0], 2.0),
        ("last", [1.0, NAN], NAN),
        ("last", [NAN, 1.0], 1.0),
        ("last", [1.0, INF], INF),
        ("min", [1.0, -INF, NAN], 1.0),
        ("max", [1.0, INF, NAN], 1.0),
        ("mean", [1.0, INF, 3.0], 2.0),
        ("level", [9.0, 1.0, 2.0, 3.0, INF, NAN, NAN, NAN], 3.0),
        ("nonfinite", [1.0, NAN, INF, -INF], 0.75),
        ("n", [NAN, NAN], 2.0),
        ("first", [NAN], NAN),
        ("min", [NAN], NAN),
        ("level", [NAN], NAN),
        ("start", [INF], NAN),
        ("nonfinite", [NAN], 1.0),
        ("level", [7.0], 7.0),
        ("mean", [7.0], 7.0),
        # a straight line from 0 to 15: its last half rises by 7 around a median of 11.5
        ("slope", list(range(16)), 7 / 11.5),
        ("drift", list(range(16)), 15 / 7.5),
        ("drift", list(range(8)), 7 / 3.5),
        ("slope", list(range(15, -1, -1)), -7 / 3.5),
        # one wild value moves neither
        ("drift", [0, 1, 2, 3, 1e9, 5, 6, 7, 8], 8 / 5),
        ("slope", [2.0] * 20, 0.0),
        ("noise", [2.0] * 20, 0.0),
        ("noise", list(range(20)), 0.0),
        # -1 and 1 around 10: the median absolute deviation is 1
        ("noise", [10 + (-1) ** k for k in range(32)], 1.4826),
        ("noise", [1e6 if k == 25 else 10 + (-1) ** k for k in range(32)], 1.4826),
        ("drift", [NAN, *range(8), INF], 7 / 3.5),
    ],
)
def test_a_reducer_gives_the_value_worked_out_by_hand(
    reducer: str, values: list[float], expected: float
) -> None:
    found = reduce_series(Series.from_values("loss", values), reducer)
    assert found == pytest.approx(expected, rel=0.02 if reducer == "noise" else 1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("reducer", "needed"), [("drift", 8), ("slope", 16), ("noise", 16), ("level", 1), ("n", 1)]
)
def test_too_few_points_are_unknown(reducer: str, needed: int) -> None:
    enough = Series.from_values("loss", [1.0] * needed)
    fewer = Series.from_values("loss", [1.0] * (needed - 1))
    padded = Series.from_values("loss", [1.0] * (needed - 1) + [NAN])
    assert reduce_series(enough, reducer) is not None
    assert reduce_series(fewer, reducer) is None
    if needed > 1:
        assert reduce_series(padded, reducer) is None


def brute_force_drift(values: list[float]) -> float:
    slopes = [
        (values[j] - values[i]) / (j - i)
        for i in range(len(values))
        for j in range(i + 1, len(values))
    ]
    return float(np.median(slopes)) * (len(values) - 1) / abs(float(np.median(values)))


@given(st.lists(st.floats(1, 100), min_size=8, max_size=MAX_POINTS))
def test_drift_is_theil_sen(values: list[float]) -> None:
    found = reduce_series(Series.from_values("loss", values), "drift")
    assert found == pytest.approx(brute_force_drift(values), rel=1e-9, abs=1e-9)


@given(st.integers(100, 3000), st.floats(-1, 1), st.integers(0, 9))
def test_long_series_keep_their_trend(length: int, rise: float, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.01, length)
    values = 10 + rise * np.linspace(0, 1, length) + noise
    found = reduce_series(Series.from_values("loss", values.tolist()), "drift")
    assert found == pytest.approx(rise / float(np.median(values)), abs=0.003)


def test_a_trend_does_not_depend_on_the_unit() -> None:
    values = 3 + np.random.default_rng(0).normal(0, 0.1, 50) + np.linspace(0, 1, 50)
    small = reduce_series(Series.from_values("loss", (values * 1e-9).tolist()), "slope")
    assert small == pytest.approx(
        reduce_series(Series.from_values("loss", values.tolist()), "slope")
    )


# No run raises

SOURCES = [
    *(f"loss.{name} > 1 or near(loss.{name}, lr, rel=0.1)" for name in REDUCERS),
    "method == 'simclr' or method in ('a', 'b') or method * 2 > 1 or ln(method) < 2",
    "chance(nt_xent) < floor(nt_xent) + temperature ** batch_size / dim",
    "near(loss.level, collapse(vicreg), rel=lr) and not loss.slope / loss.noise > dim ** dim",
    "min(lr, loss.last) != max(batch_size, epochs) and lr not in (1, 2)",
]
FLOATS = st.floats() | st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324])
SETTINGS = FLOATS | st.integers() | st.booleans() | st.text(max_size=5) | st.just(10**400)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    config = draw(st.dictionaries(st.sampled_from(CONFIG_NAMES), SETTINGS))
    values = draw(st.lists(FLOATS, max_size=40))
    names = draw(st.lists(st.sampled_from(["loss", "z_std", "lr"]), unique=True))
    return Run(config, {name: Series.from_values(name, values) for name in names})


@given(runs(), st.sampled_from(SOURCES))
@settings(max_examples=300)
def test_no_run_makes_an_evaluation_raise_or_warn(run: Run, source: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = evaluate(parse(source), run)
    assert verdict.state in STATES
    assert (verdict.state == "unknown") == bool(verdict.missing)


@pytest.fixture(scope="module")
def bundled() -> list[Signature]:
    entries = [file.entry for file in Catalogue.from_directory()]
    sources = [(entry.signature, *(fix.unless for fix in entry.fixes)) for entry in entries]
    return [parse(source) for some in sources for source in some if source is not None]


@given(run=runs())
@settings(max_examples=30)
def test_no_run_makes_a_bundled_signature_raise(bundled: list[Signature], run: Run) -> None:
    for signature in bundled:
        assert evaluate(signature, run).state in STATES


# Runs


def test_a_series_is_flat_numbers_at_steps_from_zero() -> None:
    series = Series.from_values("loss", [1, 2.5, NAN])
    assert (series.metric, series.logged_as, len(series)) == ("loss", "loss", 3)
    assert series.values.dtype == np.float64
    assert series.steps.tolist() == [0, 1, 2]
    assert Series.from_values("loss", 2).values.tolist() == [2.0]
    assert len(Series.from_values("loss", [])) == 0


def test_a_snapshot_shows_the_newest_value_and_leaves_missing_out() -> None:
    run = Run(
        {},
        {
            "loss": Series("loss", np.array([3.0, 2.0]), np.array([10, 20])),
            "z_std": Series.from_values("z_std", []),
        },
    )
    assert run.snapshot() == Snapshot({"loss": 2.0}, {"loss": 20})
    assert [one.metric for one in run] == ["loss", "z_std"]


def test_every_metric_has_an_identifier_that_leads_back() -> None:
    for name in vocabulary().names():
        assert vocabulary().from_identifier(vocabulary().identifier(name)) == name
