"""Claims: rates follow the counts where there are many, and the expectation where there are few;
counts survive being written; those that ship belong to entries that exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import counts_of

from assistant import likelihoods as module
from assistant.likelihoods import SCHEMA, Counts, Likelihoods, dump, likelihoods
from kb.catalogue import Catalogue

NAMES = ("a", "b", "c")


def rates(
    counts: Likelihoods, leads_to: dict[str, tuple[str, ...]] | None = None
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Return P(signature fires | fault) by fault and signature, and in healthy runs."""
    found, quiet = counts.rates(NAMES, NAMES, leads_to or {})
    rows = [dict(zip(NAMES, row, strict=True)) for row in found.tolist()]
    return dict(zip(NAMES, rows, strict=True)), dict(zip(NAMES, quiet.tolist(), strict=True))


def test_many_runs_speak_for_themselves() -> None:
    counts = counts_of({"a": {"a": 0.8, "b": 0.3}, "b": {"b": 0.5}}, runs=10_000, healthy=0.02)
    found, quiet = rates(counts)
    assert found["a"]["a"] == pytest.approx(0.8, abs=0.001)
    assert found["a"]["b"] == pytest.approx(0.3, abs=0.001)
    assert quiet["a"] == pytest.approx(0.02, abs=0.001)


def test_a_fault_without_runs_leans_on_what_is_expected() -> None:
    """`c` has no runs: it finds itself as others do, its consequence at a half, the rest rarely."""
    counts = counts_of({"a": {"a": 0.8}, "b": {"b": 0.6}}, runs=1000)
    found, _ = rates(counts, {"c": ("b",)})
    assert found["c"]["c"] == pytest.approx(0.7, abs=0.01)
    assert found["c"]["b"] == pytest.approx(0.5)
    assert found["c"]["a"] < 0.01


def test_a_signature_that_fires_on_other_faults_is_expected_to_go_on_doing_so() -> None:
    found, _ = rates(counts_of({"a": {"a": 1.0, "b": 0.4}, "b": {"b": 1.0}}, runs=1000))
    assert found["c"]["b"] == pytest.approx(0.4, abs=0.01)
    assert found["c"]["a"] < 0.01


@pytest.mark.parametrize(("runs", "least", "most"), [(1, 0.3, 0.7), (4, 0.6, 0.9), (400, 0.98, 1)])
def test_few_runs_move_the_rate_less_than_many(runs: int, least: float, most: float) -> None:
    """All runs of `a` fired on `b`, which is expected to fire rarely."""
    counts = Likelihoods({}, {"a": {"b": Counts(runs, runs)}, "c": {"b": Counts(0, 1000)}})
    assert least < rates(counts)[0]["a"]["b"] < most


def test_runs_that_lacked_the_numbers_do_not_count() -> None:
    """The signature fired on each run that it could be checked on, few as they were."""
    counts = Likelihoods({}, {"a": {"a": Counts(10, 10), "b": Counts(0, 100)}})
    assert rates(counts)[0]["a"]["a"] > 0.9


def test_nothing_counted_is_rare_in_healthy_runs_and_never_0_or_1() -> None:
    found, quiet = rates(Likelihoods({}, {}))
    assert quiet["a"] == pytest.approx(0.01, abs=0.002)
    assert 0.5 < found["a"]["a"] < 1
    assert 0 < found["a"]["b"] < 0.05


def test_each_silent_healthy_run_makes_a_false_alarm_less_likely() -> None:
    quiet = [rates(Likelihoods({"a": Counts(0, runs)}, {}))[1]["a"] for runs in (0, 10, 100, 1000)]
    assert quiet == sorted(quiet, reverse=True)
    assert quiet[-1] < 0.001


COUNTS = st.integers(0, 50).flatmap(
    lambda known: st.builds(Counts, st.integers(0, known), st.just(known))
)
ROWS = st.dictionaries(st.sampled_from(NAMES), COUNTS)


@given(ROWS, st.dictionaries(st.sampled_from(NAMES), ROWS))
def test_every_rate_is_a_probability_that_is_never_certain(
    healthy: dict[str, Counts], faults: dict[str, dict[str, Counts]]
) -> None:
    found, quiet = Likelihoods(healthy, faults).rates(NAMES, NAMES, {"a": ("b", "c")})
    assert found.shape == (3, 3)
    assert quiet.shape == (3,)
    assert np.all((found > 0) & (found < 1))
    assert np.all((quiet > 0) & (quiet < 1))


# The file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the path that counts are read from during this test."""
    monkeypatch.setattr(module, "PATH", tmp_path / "counts.json")
    likelihoods.cache_clear()
    yield tmp_path / "counts.json"
    likelihoods.cache_clear()


def test_counts_survive_being_written(path: Path) -> None:
    counts = counts_of({"a": {"a": 0.8, "b": 0.3}, "b": {"b": 0.5}}, runs=20, healthy=0.05)
    path.write_text(dump(counts, {"seed": 1}), encoding="utf-8")
    read = likelihoods()
    assert read.healthy == counts.healthy
    assert read.faults == counts.faults
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["schema"] == SCHEMA
    assert content["about"] == {"seed": 1}


def test_what_was_never_checked_is_absent_after_reading(path: Path) -> None:
    counts = Likelihoods({"a": Counts(0, 9)}, {"a": {"a": Counts(2, 3), "b": Counts(0, 0)}})
    path.write_text(dump(counts, {}), encoding="utf-8")
    assert likelihoods().faults == {"a": {"a": Counts(2, 3)}}
    assert likelihoods().healthy == {"a": Counts(0, 9)}


def test_the_shipped_counts_are_of_entries_that_have_signatures() -> None:
    signed = {file.entry.id for file in Catalogue.from_directory() if file.entry.signature}
    counts = likelihoods()
    named = set(counts.healthy).union(*counts.faults.values())
    assert named <= signed
    assert len(counts.faults) >= 30
    for row in (counts.healthy, *counts.faults.values()):
        assert all(0 <= one.fired <= one.known for one in row.values())


def test_the_shipped_counts_say_which_command_made_them() -> None:
    about = json.loads(module.PATH.read_text(encoding="utf-8"))["about"]
    assert about["command"].startswith("python -m benchmarks.")
    assert about["healthy"] >= 300
    assert about["per_fault"] >= 20
