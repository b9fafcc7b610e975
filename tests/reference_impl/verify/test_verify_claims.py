"""Claims from arms to evidence, with trainings that take no time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from reference_impl import registry
from reference_impl.method import CLAIM_SEEDS, MORE_SEEDS
from reference_impl.verify import arms
from reference_impl.verify.arms import ArmRun, finals
from reference_impl.verify.claims import ClaimPlan, claims_of, method_of_the_day
from reference_impl.verify.protocol import settings
from reference_impl.verify.report import claims_table

T = TypeVar("T")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[ArmRun]:
    """Replace training by numbers that follow from the settings; return what was trained."""
    done: list[ArmRun] = []

    def train(run: ArmRun) -> dict[str, float]:
        done.append(run)
        collapses = run.settings["config"].get("lambda_var") == 0.0
        level = (0.01 if collapses else 1.0) * (1 + 0.01 * run.seed)
        return dict.fromkeys(("raw_std", "erank_z", "knn_acc"), level) | {"knn_acc_random": 0.7}

    monkeypatch.setattr(arms, "train_arm", train)
    return done


def plan(folder: Path, seeds: int | None = 3) -> ClaimPlan:
    return ClaimPlan(seeds, "cpu", 1, folder)


def test_shared_arms_are_trained_once_and_claims_are_judged(
    trained: list[ArmRun], tmp_path: Path
) -> None:
    found = {one.id: one for one in claims_of(["vicreg"], plan(tmp_path), print)["vicreg"]}
    entry = registry.get("vicreg")
    assert set(found) == {claim.id for claim in entry.claims}
    assert len({run.key for run in trained}) == len(trained)
    collapse = found["variance-term-prevents-collapse"]
    assert collapse.outcome == "confirmed"
    assert collapse.ratio == pytest.approx(0.01)
    assert collapse.seeds == (0, 1, 2)
    assert found["covariance-term-keeps-rank"].outcome == "refuted"
    assert collapse.stamp.files == (
        "reference_impl/heads.py",
        "reference_impl/losses/gram.py",
        "reference_impl/losses/precision.py",
        "reference_impl/methods/vicreg.py",
        "reference_impl/verify/protocol.py",
    )


def test_a_claim_names_its_seeds_and_probes_stand_beside_the_untrained(
    trained: list[ArmRun], tmp_path: Path
) -> None:
    found = {one.id: one for one in claims_of(["vicreg"], plan(tmp_path, None), print)["vicreg"]}
    assert {id: len(one.seeds) for id, one in found.items()} == {
        claim.id: claim.seeds for claim in registry.get("vicreg").claims
    }
    assert {len(one.seeds) for one in found.values()} == {CLAIM_SEEDS, MORE_SEEDS}
    assert found["invariance-term-carries-the-image"].untrained == (0.7, 0.7, 0.7)
    assert found["variance-term-prevents-collapse"].untrained == ()
    table = claims_table({"vicreg": tuple(found.values())})
    row = next(line for line in table.splitlines() if "invariance-term" in line)
    assert row.split()[3:7] == ["knn_acc", "1.01", "1.01", "0.7"]


def test_an_interrupted_verification_goes_on(
    trained: list[ArmRun], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = claims_of(["vicreg"], plan(tmp_path), print)
    count = len(trained)
    told: list[str] = []
    again = claims_of(["vicreg"], plan(tmp_path), told.append)
    assert again == before
    assert len(trained) == count
    claims_of(["vicreg"], plan(tmp_path, seeds=4), told.append)
    assert {run.seed for run in trained[count:]} == {3}
    assert any("are in" in line for line in told)
    monkeypatch.setattr(arms, "code_hash", lambda _files: "another")
    claims_of(["vicreg"], plan(tmp_path), print)
    assert len(trained) > count + count // 3


def test_a_damaged_cache_is_trained_again(trained: list[ArmRun], tmp_path: Path) -> None:
    run = ArmRun("vicreg", "a", {"config": {}}, 0, "cpu")
    wanted = finals([run], jobs=1, notify=print, folder=tmp_path)
    (file,) = tmp_path.iterdir()
    for damage in ("", "[1]", '{"a": "b"}', "{"):
        file.write_text(damage, encoding="utf-8")
        assert finals([run], jobs=1, notify=print, folder=tmp_path) == wanted
    assert len(trained) == 5


def test_the_label_of_an_arm_does_not_matter_but_its_settings_do() -> None:
    def key(label: str, settings: Mapping[str, object], seed: int = 0) -> str:
        return ArmRun("vicreg", label, settings, seed, "cpu").key

    assert key("a", {"x": 1}) == key("b", {"x": 1})
    assert len({key("a", {"x": 1}), key("a", {"x": 2}), key("a", {"x": 1}, 1)}) == 3


def test_every_method_has_its_day() -> None:
    names = {method_of_the_day(str(day)) for day in range(len(registry.METHODS))}
    assert names == set(registry.METHODS)
    assert method_of_the_day("2026-11-28") != method_of_the_day("2026-11-29")
    assert method_of_the_day("today") in registry.METHODS
    with pytest.raises(ValueError, match="someday"):
        method_of_the_day("someday")


@pytest.mark.parametrize("method", sorted(registry.METHODS))
def test_claims_are_well_formed(method: str) -> None:
    from kb.vocabulary import vocabulary

    entry = registry.get(method)
    assert entry.claims
    config = entry.preset("small").config
    for claim in entry.claims:
        assert claim.measure in vocabulary(), claim.id
        for arm in claim.arms:
            assert set(arm.config) <= set(vars(config)), claim.id
        assert settings(claim, claim.arms[0]) != settings(claim, claim.arms[1])
    assert len({claim.id for claim in entry.claims}) == len(entry.claims)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    tiny = {"preset": "small", "config": {}, "recipe": {}, "steps": 2}
    runs = [ArmRun("simclr", "tiny", tiny, seed, "cpu") for seed in (0, 1)]
    alone = finals(runs, jobs=1, notify=print, folder=tmp_path / "one")
    together = finals(runs, jobs=2, notify=print, folder=tmp_path / "two")
    assert together == alone
    for final in alone.values():
        assert {"loss", "knn_acc", "knn_acc_random", "z_std"} <= set(final)


_VERIFIER = """
import sys
from pathlib import Path
from reference_impl.verify.arms import ArmRun, finals

settings = {"preset": "small", "config": {}, "recipe": {"batch_size": 32}, "steps": 100_000}
runs = [ArmRun("vicreg", "endless", settings, seed, "cpu") for seed in (0, 1)]
if __name__ == "__main__":
    finals(runs, jobs=2, notify=print, folder=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_no_training_outlives_a_killed_verification(tmp_path: Path) -> None:
    script = tmp_path / "verifier.py"
    script.write_text(_VERIFIER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    verifier = subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
    workers = _until(lambda: _busy_children(verifier.pid), 60)
    verifier.kill()
    verifier.wait()
    try:
        assert _until(lambda: not any(map(_runs, workers)), 10)
    finally:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _busy_children(parent: int) -> list[int]:
    """Return the two children that have trained for a while, or nothing yet."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    worked = [int(pid) for pid in children if _processor_seconds(int(pid)) > 4]
    return worked if len(worked) == 2 else []


def _runs(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until(ready: Callable[[], T], seconds: float) -> T:
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)
    return found
