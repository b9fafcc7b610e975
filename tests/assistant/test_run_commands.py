"""Claims: diagnose, series, compare and watch answer for one run and for many, with exit codes a
script can use; what cannot be read is one line; nothing in the given folders is written.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from small_runs import falls, flat, write_csv

from assistant.cli import run
from assistant.exit_codes import ExitCode, code_of_verdict


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Runner = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Return what runs the command line in this process, with `stdin` as bytes."""

    def invoke(*arguments: str | Path, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run([str(one) for one in arguments])
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return invoke


@pytest.fixture
def well(tmp_path: Path) -> Path:
    return write_csv(
        tmp_path / "runs" / "well" / "metrics.csv",
        train_loss=falls(5.5, 3, noise=0.02),
        emb_spread=flat(0.088, noise=0.001),
    )


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    loss = falls(5.5, 3, noise=0.02, seed=1)
    loss[60:] = math.nan
    return write_csv(tmp_path / "runs" / "sick" / "metrics.csv", train_loss=loss)


@pytest.fixture
def unclear(tmp_path: Path) -> Path:
    """Return a run whose loss does not move, of a kind that nobody knows."""
    return write_csv(tmp_path / "runs" / "unclear" / "metrics.csv", train_loss=flat(1.37))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "broken.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x00\x01\x02" * 100)
    return path


# diagnose, one run


def test_a_run_is_answered_in_full_with_what_was_read_above(cli: Runner, sick: Path) -> None:
    ran = cli("diagnose", sick)
    assert ran.code == ExitCode.SICK
    first, *rest = ran.out.split("\n\n")
    assert "table, 2 metrics, 100 points" in " ".join(first.split())
    assert "train_loss is nan at step 600" in " ".join(first.split())
    assert rest[0].startswith("Run: sick. Its numbers show ")
    assert "numerics/nan-hunting" in ran.out
    assert ran.err == ""


def test_the_exit_code_is_that_of_the_verdict(
    cli: Runner, well: Path, sick: Path, unclear: Path
) -> None:
    assert cli("diagnose", well).code == 0
    assert cli("diagnose", unclear).code == 4
    assert cli("diagnose", sick).code == 5
    assert code_of_verdict(None) == ExitCode.UNDECIDED


def test_a_folder_is_searched_for_its_newest_run(cli: Runner, well: Path, sick: Path) -> None:
    os.utime(well, (1e9, 1e9))
    ran = cli("diagnose", well.parents[1])
    assert ran.code == ExitCode.SICK
    assert "sick/metrics.csv" in "".join(ran.out.split())


def test_a_log_is_read_from_stdin(cli: Runner, well: Path) -> None:
    ran = cli("diagnose", "-", stdin=well.read_bytes())
    assert ran.code == ExitCode.DONE
    assert ran.out.startswith("stdin: ")


def test_a_name_given_by_hand_is_used(cli: Runner, well: Path) -> None:
    plain, mapped = cli("diagnose", well), cli("diagnose", well, "--map", "emb_spread=z_std")
    assert "1 name not understood" in " ".join(plain.out.split())
    assert "not understood" not in mapped.out
    assert "z_std" in mapped.out.partition("Run: healthy.")[2].partition("\n\n")[0]


def test_a_setting_given_by_hand_is_used(cli: Runner, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", loss=flat(math.log(511), noise=1e-5), z_std=flat(1e-5))
    answers = [
        json.loads(cli("diagnose", path, *given, "--json").out)
        for given in ((), ("--set", "batch_size=256", "-s", "method=simclr"))
    ]
    claims = [
        [
            (one["entry"]["id"], line["claim"])
            for one in answer["diagnoses"]
            for line in one["evidence"]
        ]
        for answer in answers
    ]
    chance = ("contrastive/chance-level-loss", "matched")
    assert chance not in claims[0]
    assert chance in claims[1]
    assert answers[1]["run"]["config"] == {"batch_size": 256, "method": "simclr"}


def test_json_holds_the_answer_and_what_was_read(cli: Runner, sick: Path) -> None:
    ran = cli("diagnose", sick, "--json")
    content = json.loads(ran.out)
    assert content["schema"] == 1
    assert content["verdict"] == "sick"
    assert content["run"]["metrics"]["loss"]["logged_as"] == "train_loss"
    assert content["run"]["metrics"]["loss"]["last"] == "nan"
    assert content["run"]["findings"]
    assert ran.code == ExitCode.SICK


def test_markdown_full_and_k(cli: Runner, sick: Path) -> None:
    assert cli("diagnose", sick, "--markdown").out.startswith("# ")
    assert len(cli("diagnose", sick, "--full").out) > len(cli("diagnose", sick).out)
    assert len(json.loads(cli("diagnose", sick, "-k", "1", "--json").out)["diagnoses"]) == 1


# diagnose, many runs


def test_several_runs_are_a_table_and_the_highest_code_counts(
    cli: Runner, well: Path, sick: Path, unclear: Path, broken: Path
) -> None:
    ran = cli("diagnose", well, unclear, broken)
    assert [line.split()[:2] for line in ran.out.strip().split("\n")] == [
        ["healthy", "well/metrics.csv"],
        ["undecided", "unclear/metrics.csv"],
        ["unread", "broken.csv"],
    ]
    assert ran.err == "3 runs: 1 undecided, 1 healthy, 1 unread\n"
    assert ran.code == ExitCode.UNDECIDED
    assert cli("diagnose", well, broken).code == ExitCode.UNREADABLE
    assert cli("diagnose", broken, sick, well).code == ExitCode.SICK
    assert cli("diagnose", well, well).code == ExitCode.DONE


def test_all_judges_every_run_below_a_path(cli: Runner, well: Path, sick: Path) -> None:
    ran = cli("diagnose", well.parents[1], "--all")
    assert sorted(line.split()[0] for line in ran.out.strip().split("\n")) == ["healthy", "sick"]
    assert ran.code == ExitCode.SICK
    assert cli("diagnose", well.parent, "--all").out.startswith("healthy ")


def test_json_of_several_runs_has_one_item_each(cli: Runner, well: Path, broken: Path) -> None:
    content = json.loads(cli("diagnose", well, broken, "--json").out)
    assert content["schema"] == 1
    first, second = content["runs"]
    assert (first["path"], first["error"]) == (str(well), None)
    assert first["answer"]["verdict"] == "healthy"
    assert second["answer"] is None
    assert "broken.csv" in second["error"]


@pytest.mark.parametrize("option", ["--full", "--markdown"])
def test_what_is_for_one_run_is_refused_for_several(
    cli: Runner, well: Path, sick: Path, option: str
) -> None:
    ran = cli("diagnose", well, sick, option)
    assert ran.code == ExitCode.USAGE
    assert option in ran.err


# ask beside a run


def test_a_run_without_words_is_judged_by_ask_as_by_diagnose(cli: Runner, sick: Path) -> None:
    asked = json.loads(cli("ask", "--run", sick, "--json").out)
    diagnosed = json.loads(cli("diagnose", sick, "--json").out)
    del diagnosed["run"]
    assert asked == diagnosed
    assert cli("ask", "--run", sick).code == ExitCode.SICK


@pytest.mark.usefixtures("encoder_export")
def test_words_that_the_run_contradicts_are_overturned(cli: Runner, sick: Path) -> None:
    ran = cli("ask", "training is slow, gpu util 30%", "--run", sick)
    assert ran.code == ExitCode.SICK
    assert "the words alone point to perf/dataloader-bound" in " ".join(ran.out.lower().split())


@pytest.mark.usefixtures("encoder_export")
def test_what_the_run_moved_is_told_with_the_answer(cli: Runner, sick: Path) -> None:
    question = ("ask", "training is slow, gpu util 30%")
    told = json.loads(cli(*question, "--run", sick, "--json").out)
    alone = json.loads(cli(*question, "--json").out)
    assert "moved" not in alone
    before = [one["entry"]["id"] for one in alone["diagnoses"]]
    after = [one["entry"]["id"] for one in told["diagnoses"]]
    first = told["moved"][0]
    assert after[0] != before[0]
    assert (first["entry_id"], first["after"]) == (after[0], 1)
    for one in told["moved"]:
        name = one["entry_id"]
        assert one["before"] == (before.index(name) + 1 if name in before else None)
        assert one["after"] == (after.index(name) + 1 if name in after else None)
        assert one["why"]
    text = " ".join(cli(*question, "--run", sick).out.split())
    assert "What the run moved ↑ new at 1: " in text
    assert first["why"].rstrip(".") in text
    marked = cli(*question, "--run", sick, "--markdown").out
    assert "## What the run moved\n\n- ↑ new at 1: " in marked


def test_a_run_and_numbers_by_hand_exclude_each_other(cli: Runner, sick: Path) -> None:
    ran = cli("ask", "loss", "--run", sick, "--metric", "z_std=0.1")
    assert ran.code == ExitCode.USAGE
    assert "--metric" in ran.err


# series


def test_series_shows_how_each_name_was_read(cli: Runner, well: Path) -> None:
    ran = cli("series", well)
    assert ran.code == ExitCode.DONE
    assert "logged as train_loss" in ran.out
    assert "emb_spread: " in ran.out.partition("Not used")[2]
    mapped = cli("series", well, "--map", "emb_spread=z_std", "--set", "lr=0.5")
    assert "logged as emb_spread (chosen by --map)" in mapped.out
    assert mapped.out.endswith("Settings\nlr=0.5\n")


def test_series_as_json(cli: Runner, well: Path) -> None:
    content = json.loads(cli("series", well, "--json").out)
    assert content["schema"] == 1
    assert content["metrics"]["loss"]["n"] == 100
    assert content["metrics"]["loss"]["last_step"] == 990
    assert list(content["not_used"]) == ["emb_spread"]


def test_series_names_the_values_that_a_metric_is_read_against(cli: Runner, well: Path) -> None:
    given = ("--set", "method=simclr", "--set", "batch_size=32", "--set", "temperature=0.5")
    ran = cli("series", well, *given)
    said = " ".join(ran.out.split())
    assert "known levels: floor 2.182 (" in said
    assert "; chance = collapse 4.143 (ln(2B - 1))" in said
    assert max(len(line) for line in ran.out.splitlines()) <= 80
    assert "known levels" not in cli("series", well).out
    levels = json.loads(cli("series", well, *given, "--json").out)["levels"]
    assert list(levels) == ["loss"]
    floor, chance = levels["loss"]
    assert chance["kinds"] == ["chance", "collapse"]
    assert chance["value"] == pytest.approx(math.log(63))
    assert chance["formula"] == "ln(2B - 1)"
    assert floor["value"] < chance["value"]
    assert chance["reading"]
    assert json.loads(cli("series", well, "--json").out)["levels"] == {}


# compare


def test_compare_says_where_two_runs_part(cli: Runner, well: Path, tmp_path: Path) -> None:
    loss = falls(5.5, 3, noise=0.02, seed=5)
    alike = write_csv(tmp_path / "alike.csv", train_loss=loss, emb_spread=flat(0.088, noise=0.001))
    other = write_csv(tmp_path / "other.csv", train_loss=loss + np.where(np.arange(100) < 50, 0, 1))
    assert "No metric of the two runs parts clearly." in cli("compare", well, alike).out
    ran = cli("compare", well, other)
    assert ran.code == ExitCode.DONE
    assert "first by loss." in ran.out
    content = json.loads(cli("compare", well, other, "--json").out)
    assert (content["schema"], content["a"]) == (1, str(well))
    assert content["partings"][0]["metric"] == "loss"
    assert abs(content["partings"][0]["step"] - 500) <= 50
    mapped = cli("compare", well, alike, "--map", "emb_spread=z_std")
    assert "alike: loss, z_std" in mapped.out


def test_a_run_that_broke_is_compared_as_json_too(cli: Runner, well: Path, sick: Path) -> None:
    first = json.loads(cli("compare", well, sick, "--json").out)["partings"][0]
    assert first["step"] == 600
    assert first["b"] == "nan"


# watch


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every followed run count as finished once it has been read."""
    from ingest.runs.follow import Follower, Life

    monkeypatch.setattr(
        Follower, "life", lambda one: Life("finished" if one.run else "waiting", 0.0, "it is over")
    )


@pytest.mark.usefixtures("ended")
def test_watch_tells_the_verdict_and_the_end_and_returns_the_verdicts_code(
    cli: Runner, well: Path, sick: Path
) -> None:
    ran = cli("watch", well)
    verdict, end = ran.out.strip().split("\n")
    assert verdict[10:].split()[:3] == ["step", "990", "healthy"]
    assert "the loss fell" in verdict
    assert end.endswith("finished  it is over")
    assert ran.code == ExitCode.DONE
    ran = cli("watch", sick)
    assert ran.code == ExitCode.SICK
    assert "numerics/nan-hunting" in ran.out
    assert ran.out.count("\n") == 2


@pytest.mark.usefixtures("ended")
def test_until_returns_0_when_what_was_waited_for_came(cli: Runner, well: Path, sick: Path) -> None:
    ran = cli("watch", sick, "--until", "sick")
    assert ran.code == ExitCode.DONE
    assert ran.out.count("\n") == 1
    assert cli("watch", well, "--until", "sick").code == ExitCode.NOTHING_FITS
    assert cli("watch", sick, "--until", "healthy").code == ExitCode.SICK
    assert cli("watch", well, "--until", "healthy").code == ExitCode.DONE
    assert cli("watch", sick, "--until", "ended").code == ExitCode.SICK


@pytest.mark.usefixtures("ended")
def test_watch_as_json_is_one_object_a_line(cli: Runner, sick: Path) -> None:
    lines = [json.loads(line) for line in cli("watch", sick, "--json").out.strip().split("\n")]
    assert [line["change"] for line in lines] == ["sick", "finished"]
    first = lines[0]
    assert first["schema"] == 1
    assert (first["verdict"], first["step"]) == ("sick", 990)
    assert 0 < first["confidence"] <= 1
    assert first["diagnosis"]
    assert first["reasons"]


def test_a_silent_run_can_be_waited_for(cli: Runner, well: Path) -> None:
    os.utime(well, (1e9, 1e9))
    ran = cli("watch", well, "--until", "silent", "--silent-after", "5")
    assert ran.code == ExitCode.DONE
    assert "silent" in ran.out.strip().split("\n")[-1]
    assert "nothing written for" in ran.out


def test_interrupting_a_watch_is_130(
    cli: Runner, well: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assistant.watching.watch", interrupt)
    ran = cli("watch", well)
    assert ran.code == ExitCode.INTERRUPTED
    assert ran.err.strip() == "interrupted"


# Errors


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("diagnose",), 2, "PATH is missing"),
        (("diagnose", "/no/such/run"), 3, "/no/such/run: No such file"),
        (("diagnose", "/no/such/run", "--all"), 3, "/no/such/run"),
        (("diagnose", "BROKEN"), 3, "broken.csv"),
        (("diagnose", "EMPTY"), 3, "empty"),
        (("diagnose", "WELL", "-k", "0"), 2, "-k"),
        (("diagnose", "WELL", "--map", "emb_spread"), 2, "expected name=value"),
        (("diagnose", "WELL", "--map", "emb_spread=z_sdt"), 2, 'did you mean "z_std"'),
        (("diagnose", "WELL", "WELL", "--map", "emb_spread=z_sdt"), 2, 'did you mean "z_std"'),
        (("diagnose", "WELL", "WELL", "--set", "bach_size=3"), 2, 'did you mean "batch_size"'),
        (("diagnose", "WELL", "--map", "emb_sprea=z_std"), 2, 'did you mean "emb_spread"'),
        (("diagnose", "WELL", "--set", "bach_size=3"), 2, 'did you mean "batch_size"'),
        (("series", "/no/such/run"), 3, "/no/such/run"),
        (("series", "WELL", "--map", "emb_spread=z_sdt"), 2, 'did you mean "z_std"'),
        (("series", "WELL", "WELL"), 2, "unexpected extra argument"),
        (("compare", "WELL"), 2, "'B'"),
        (("compare", "WELL", "/no/such/run"), 3, "/no/such/run"),
        (("watch",), 2, "PATH"),
        (("watch", "WELL", "--until", "tired"), 2, "tired"),
        (("watch", "WELL", "--interval", "0"), 2, "--interval"),
        (("watch", "WELL", "--map", "emb_spread=z_sdt"), 2, 'did you mean "z_std"'),
        (("watch", "WELL", "--set", "bach_size=3"), 2, 'did you mean "batch_size"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_error_is_one_line_with_its_code(
    cli: Runner,
    well: Path,
    broken: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    places = {"WELL": str(well), "BROKEN": str(broken), "EMPTY": str(empty)}
    ran = cli(*(places.get(one, one) for one in arguments))
    assert ran.code == code
    assert says in ran.err
    assert ran.out == ""
    assert len(ran.err.strip().split("\n")) == 1
    assert "Traceback" not in ran.err


# What is left untouched


def test_no_command_writes_into_a_run(cli: Runner, well: Path, sick: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        paths = well.parents[1].rglob("*")
        return {str(one): (one.stat().st_mtime_ns, one.stat().st_size) for one in paths}

    before = state()
    for arguments in (("diagnose", well), ("series", well), ("compare", well, sick)):
        cli(*arguments)
    cli("diagnose", well.parents[1], "--all")
    assert state() == before


def test_a_hostile_log_puts_nothing_on_the_terminal(cli: Runner, tmp_path: Path) -> None:
    name = "loss\x1b[2J\x9b31m\u202e[@click=app.quit]"
    lines = [json.dumps({"step": step, name: 1.0, "train_loss": 4.0}) for step in range(40)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    for arguments in (("diagnose", path), ("series", path), ("series", path, "--json")):
        ran = cli(*arguments)
        assert not {"\x1b", "\x9b", "\u202e"} & set(ran.out + ran.err)
    assert "[@click=app.quit]" in cli("series", path).out
