"""Claims: many runs are judged in the order given, alone or on all cores alike; one that cannot be
read spoils no other; a slip in the options is told once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_runs import falls, write_csv

import assistant
from assistant.many import ALONE, Judgement, judge_all
from ingest import open_run
from kb.errors import UsageError


def runs_in(folder: Path, count: int) -> list[Path]:
    """Write runs of which every third breaks; return their paths."""
    paths: list[Path] = []
    for number in range(count):
        loss = falls(5.5, 3, count=40, noise=0.02, seed=number)
        if number % 3 == 1:
            loss[30:] = np.nan
        paths.append(write_csv(folder / f"run{number}.csv", train_loss=loss, spread=loss / 100))
    return paths


def verdicts(judged: list[Judgement]) -> list[str | None]:
    return [one.answer.verdict if one.answer else None for one in judged]


def test_each_run_gets_the_answer_it_gets_alone(tmp_path: Path) -> None:
    paths = runs_in(tmp_path, 3)
    judged = list(judge_all(paths, 5))
    assert [one.path for one in judged] == [str(path) for path in paths]
    assert [one.answer for one in judged] == [assistant.diagnose(path) for path in paths]
    assert verdicts(judged) == ["healthy", "sick", "healthy"]
    assert judged[0].error == ""


def test_one_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    good, other = runs_in(tmp_path, 2)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"\x00\x01\x02" * 100)
    judged = list(judge_all([good, broken, tmp_path / "none", other], 5))
    assert verdicts(judged) == ["healthy", None, None, "sick"]
    assert "broken.csv" in judged[1].error
    assert "none" in judged[2].error


def test_names_and_settings_hold_for_every_run(tmp_path: Path) -> None:
    paths = runs_in(tmp_path, 2)
    names, settings = {"spread": "z_std"}, {"method": "simclr"}
    judged = judge_all(paths, 5, names=names, settings=settings)
    runs = [open_run(path, names=names, settings=settings) for path in paths]
    assert [one.answer for one in judged] == [assistant.diagnose(run) for run in runs]
    assert [one.answer for one in judge_all(paths, 5)] != [assistant.diagnose(run) for run in runs]


@pytest.mark.parametrize(
    ("names", "settings", "says"),
    [({"spread": "z_sdt"}, {}, 'did you mean "z_std"'), ({}, {"bach_size": 3}, "batch_size")],
)
def test_a_slip_in_the_options_is_told_before_any_run_is_read(
    tmp_path: Path, names: dict[str, str], settings: dict[str, str | int | float], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        next(judge_all([tmp_path / "none"], 5, names=names, settings=settings))


def test_on_all_cores_the_judgements_are_the_same_and_in_order(tmp_path: Path) -> None:
    paths = runs_in(tmp_path, ALONE + 1)
    paths.insert(2, tmp_path / "none")
    done: list[int] = []
    together = list(judge_all(paths, 3, on_done=lambda: done.append(1)))
    alone = [one for path in paths for one in judge_all([path], 3)]
    assert together == alone
    assert len(done) == len(paths)
    assert verdicts(together)[:4] == ["healthy", "sick", None, "healthy"]


def test_leaving_early_ends_the_processes(tmp_path: Path) -> None:
    judged = judge_all(runs_in(tmp_path, ALONE + 1), 3)
    assert next(judged).path.endswith("run0.csv")
    judged.close()  # type: ignore[attr-defined]
    assert list(judged) == []


def test_no_runs_give_no_judgements() -> None:
    assert list(judge_all([], 5)) == []
