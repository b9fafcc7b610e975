"""From options to exit code, tables, JSON and evidence files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from assistant.cli import group
from kb.errors import UsageError
from kb.evidence import read_method_evidence
from reference_impl.shapes import Tensor
from reference_impl.verify import check_values, evidence
from reference_impl.verify.__main__ import main
from reference_impl.verify.case import Case, Tensors
from reference_impl.verify.cases import cases_of
from reference_impl.verify.code_files import files_of_claims, files_of_training, files_of_values
from reference_impl.verify.run import FAILED, Options, verify


@pytest.fixture(autouse=True)
def no_other_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("check_values", "evidence", "run"):
        monkeypatch.setattr(f"reference_impl.verify.{module}.why_no_lightly", lambda: "not here")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halve every loss of I-JEPA."""

    def half(right: Callable[[Tensors], Tensor]) -> Callable[[Tensors], Tensor]:
        return lambda tensors: right(tensors) / 2

    def halved(method: str) -> tuple[Case, ...]:
        return tuple(replace(case, ours=half(case.ours)) for case in cases_of(method))

    monkeypatch.setattr(check_values, "cases_of", halved)


def test_values_print_a_table_and_write_evidence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(Options(("i-jepa",), evidence=tmp_path)) == 0
    printed = capsys.readouterr()
    assert "i_jepa  i_jepa official" in printed.out
    assert "0 failed" in printed.out
    assert "not compared with lightly" in printed.err
    found = read_method_evidence("i_jepa", tmp_path)
    assert found is not None
    (values,) = found.values
    assert [loss.loss for loss in values.losses] == ["i_jepa official", "i_jepa paper"]
    assert values.skipped == ("comparison with lightly: not here",)
    assert not values.stamp.is_stale()


def test_a_wrong_value_fails_the_command(
    broken: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["i_jepa", "--evidence", str(tmp_path)]) == FAILED
    printed = capsys.readouterr().out
    assert "FAIL 2/2" in printed
    assert "FAILED i_jepa, i_jepa official: value float64, draw 1: found" in printed
    found = read_method_evidence("i_jepa", tmp_path)
    assert found is not None
    assert all(loss.failed for loss in found.values[0].losses)


def test_json_and_no_writing(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        group, ["verify", "i_jepa", "--json", "--no-write"], standalone_mode=False
    )
    assert result.return_value == 0
    printed = json.loads(result.stdout)
    assert (printed["schema"], printed["mode"], printed["failed"]) == (1, "values", 0)
    assert {check["method"] for check in printed["checks"]} == {"i_jepa"}
    assert list(tmp_path.iterdir()) == []


def test_repeating_a_check_leaves_the_file_alone(tmp_path: Path) -> None:
    verify(Options(("i_jepa",), evidence=tmp_path))
    path = tmp_path / "i_jepa.json"
    path.write_text(path.read_text(encoding="utf-8").replace("2026", "2020"), encoding="utf-8")
    before = path.read_bytes()
    verify(Options(("i_jepa",), evidence=tmp_path, seed=5))
    assert path.read_bytes() == before


def test_evidence_keeps_other_devices_and_sections(tmp_path: Path) -> None:
    verify(Options(("i_jepa",), evidence=tmp_path))
    known = read_method_evidence("i_jepa", tmp_path)
    assert known is not None
    values = known.values[0]
    gpu = replace(values, stamp=replace(values.stamp, device="cuda"))
    assert evidence.record_values(gpu, "i_jepa", tmp_path)
    evidence.record_claims((), "i_jepa", tmp_path)
    found = read_method_evidence("i_jepa", tmp_path)
    assert found is not None
    assert [one.stamp.device for one in found.values] == ["cpu", "cuda"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simclear"], 'there is no method "simclear", did you mean "simclr"?'),
        (["--rotate", "someday"], '"someday" is no day'),
        (["simclr", "--device", "quantum"], "device quantum cannot be used"),
    ],
)
def test_wrong_usage_says_what_to_do(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
    with pytest.raises(UsageError):
        CliRunner().invoke(
            group, ["verify", *arguments], standalone_mode=False, catch_exceptions=False
        )


def test_the_command_imports_torch_only_when_run() -> None:
    code = (
        "import sys; from reference_impl.commands.verify import verify; "
        "assert 'torch' not in sys.modules; print(verify.name)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "verify\n"), run.stderr


@pytest.mark.slow
def test_it_runs_where_only_torch_and_numpy_are() -> None:
    hidden = ("click", "platformdirs", "jaxtyping", "tqdm", "sklearn", "faiss", "textual")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({hidden!r})); "
        "from reference_impl.verify.__main__ import main; "
        "from reference_impl.verify.arms import cache_folder; cache_folder(); "
        "sys.exit(main(['i_jepa', '--no-write']))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_results_hang_on_the_files_that_they_use() -> None:
    claims = files_of_claims("vicreg")
    assert "reference_impl/methods/vicreg.py" in claims
    assert not any(name.startswith("reference_impl/train") for name in claims)
    values = files_of_values("vicreg")
    assert "reference_impl/verify/transcriptions/redundancy.py" in values
    assert "reference_impl/verify/cases/vicreg.py" in values
    assert "reference_impl/verify/cases/simclr.py" not in values
    training = files_of_training("vicreg")
    assert set(training) >= {
        "reference_impl/train/loop.py",
        "reference_impl/methods/vicreg.py",
        "reference_impl/losses/gram.py",
    }
    assert "reference_impl/methods/simclr.py" not in training
