"""Claims: every command answers, errors are one line with an exit code, and pipes work."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from assistant.cli import run
from assistant.commands.options import print_json
from assistant.exit_codes import ExitCode, code_of
from kb.errors import InputUnreadable, StoreError, UsageError

COMMAND = Path(sys.executable).with_name("ssl-doctor")
COMMANDS = (
    *("ask", "check", "compare", "diagnose", "explain", "index", "info", "ingest", "list"),
    *("remove", "series", "watch"),
)


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Runner = Callable[..., Ran]


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, encoder_export: Path
) -> Runner:
    """Return what runs the command line in this process, with `stdin` as bytes."""

    def invoke(*arguments: str, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return invoke


def shell(
    line: str, *, stdin: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", line, str(COMMAND)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


# Answering


def test_words_alone_are_a_question(cli: Runner) -> None:
    ran = cli("loss", "stuck", "at", "4.14")
    assert ran.code == ExitCode.DONE
    assert ran.out.startswith("1  NT-Xent loss")
    assert "ln 63" in ran.out


def test_the_default_command_and_ask_say_the_same(cli: Runner) -> None:
    assert cli("loss stuck at 4.14").out == cli("ask", "loss stuck at 4.14").out


def test_a_dash_reads_the_question_from_stdin(cli: Runner) -> None:
    assert cli("-", stdin=b"loss stuck at 4.14\n").out == cli("loss stuck at 4.14").out
    assert cli("ask", "-", stdin=b"loss stuck at 4.14\n").code == ExitCode.DONE


def test_bytes_that_are_no_text_do_no_harm(cli: Runner) -> None:
    ran = cli("-", stdin=b"\xff\xfe\x00loss stuck\x1b[31m at 4.14")
    assert ran.code in (ExitCode.DONE, ExitCode.NOTHING_FITS)
    assert "Traceback" not in ran.err


def test_off_topic_is_nothing_fits(cli: Runner) -> None:
    ran = cli("how do I bake sourdough bread")
    assert ran.code == ExitCode.NOTHING_FITS
    assert "Nearest topics" in ran.out


def test_a_sick_run_is_five(cli: Runner) -> None:
    ran = cli("ask", "loss stuck", "-m", "loss=4.143", "-m", "z_std=1e-4", "-s", "batch_size=32")
    assert ran.code == ExitCode.SICK
    assert ran.out.startswith("Run: sick.")


def test_a_run_that_shows_nothing_is_undecided(cli: Runner) -> None:
    ran = cli("ask", "simclr loss stuck at 4.14", "--metric", "z_std=0.09", "--set", "dim=128")
    assert ran.code == ExitCode.UNDECIDED
    assert ran.out.startswith("Run: undecided.")


def test_numbers_alone_are_judged(cli: Runner) -> None:
    ran = cli("ask", "--metric", "loss=4.2,4.1,nan")
    assert ran.code == ExitCode.SICK
    assert "numerics/nan-hunting" in ran.out


def test_k_limits_and_full_extends(cli: Runner) -> None:
    assert "\n2  " not in cli("ask", "byol collapse", "-k", "1").out
    assert len(cli("ask", "byol collapse", "--full").out) > len(cli("byol collapse").out)


def test_markdown_is_markdown(cli: Runner) -> None:
    assert cli("ask", "loss stuck at 4.14", "--markdown").out.startswith("# loss stuck at 4.14\n")


# JSON everywhere


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", "loss stuck at 4.14"),
        ("ask", "how do I bake sourdough bread"),
        ("ask", "loss stuck", "-m", "loss=4.143,nan", "-s", "batch_size=32"),
        ("explain", "contrastive/chance-level-loss"),
        ("explain", "vicreg"),
        ("explain", "collapse/complete#restart-gently"),
        ("list",),
        ("list", "--family", "collapse"),
        ("list", "--mine"),
        ("list", "--topics"),
        ("list", "--metrics"),
        ("list", "--forms"),
        ("check",),
        ("index",),
        ("info",),
        ("ingest", "--dry-run", "NOTE"),
    ],
    ids=" ".join,
)
def test_json_parses_and_has_a_schema(
    cli: Runner, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    note = tmp_path / "note.md"
    note.write_text("# Note\n\nThe loss is stuck.\n", encoding="utf-8")
    ran = cli(*(str(note) if one == "NOTE" else one for one in arguments), "--json")
    content = json.loads(ran.out)
    assert content["schema"] == 1
    assert "\x1b" not in ran.out


def test_json_holds_no_character_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    content = {"text": "a\x9b2J\u202e b\x1b[31m é"}
    print_json(content)
    printed = capsys.readouterr().out
    assert not {"\x9b", "\u202e", "\x1b"} & set(printed)
    assert "é" in printed
    assert json.loads(printed) == content


def test_an_error_holds_no_character_that_a_terminal_obeys(cli: Runner) -> None:
    ran = cli("explain", "contrastive/chance-level-loss\x9b2J\u202e", "--json")
    assert ran.code == ExitCode.USAGE
    assert not {"\x9b", "\u202e"} & set(ran.err)


# Errors


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("",), 2, "the question is empty"),
        (("ask",), 2, "the question is empty"),
        (("-",), 2, "the question is empty"),
        (("ask", "x", "-k", "0"), 2, "-k"),
        (("ask", "x", "--bogus"), 2, "--bogus"),
        (("ask", "x", "-m", "loss"), 2, "expected name=value"),
        (("ask", "x", "-m", "z_sdt=1"), 2, 'did you mean "z_std"'),
        (("ask", "x", "-m", "loss=4", "-m", "loss=5"), 2, "given twice"),
        (("ask", "x", "-s", "batch_size=nan"), 2, "is no number"),
        (("explain", "colapse/complete"), 2, 'did you mean "collapse/complete"'),
        (("explain", "collapse"), 2, "ssl-doctor list --family collapse"),
        (("explain", "collapse/complete#nothing"), 2, "its fixes are"),
        (("explain", "data/wrong-normalisation"), 2, "is not written yet"),
        (("explain", "nnclr"), 2, "no document about nnclr"),
        (("explain", ""), 2, "nothing is called"),
        (("list", "--family", "colapse"), 2, 'did you mean "collapse"'),
        (("list", "extra"), 2, "unexpected extra argument"),
        (("check", "/no/such/place"), 2, "/no/such/place"),
        (("ingest", "/no/such/place.md"), 3, "/no/such/place.md"),
        (("remove", "nothing.md"), 2, "nothing was ingested yet"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_error_is_one_line_with_its_code(
    cli: Runner, arguments: tuple[str, ...], code: int, says: str
) -> None:
    ran = cli(*arguments)
    assert ran.code == code
    assert says in ran.err
    assert len(ran.err.strip().split("\n")) == 1
    assert "Traceback" not in ran.err


def test_a_mistyped_command_is_a_question_with_a_hint(cli: Runner) -> None:
    ran = cli("explian", "collapse")
    assert 'did you mean "explain"?' in ran.err


def test_interrupting_is_130(cli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assistant.engine.query", interrupt)
    ran = cli("loss stuck")
    assert ran.code == ExitCode.INTERRUPTED
    assert ran.err.strip() == "interrupted"


def test_a_full_disk_is_one_line(cli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("assistant.engine.query", full)
    ran = cli("loss stuck")
    assert ran.code == ExitCode.UNREADABLE
    assert ran.err.strip() == "ssl-doctor: [Errno 28] No space left on device"


def test_errors_of_ours_have_their_codes() -> None:
    assert code_of(UsageError("x")) == 2
    assert code_of(InputUnreadable("x")) == 3
    assert code_of(StoreError("x")) == 3


# Help


def test_alone_it_shows_help(cli: Runner) -> None:
    ran = cli()
    assert ran.code == ExitCode.DONE
    assert "Usage: ssl-doctor" in ran.out
    for name in COMMANDS:
        assert f"\n  {name} " in ran.out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_examples(cli: Runner, name: str, flag: str) -> None:
    ran = cli(name, flag)
    assert ran.code == ExitCode.DONE
    assert f"Usage: ssl-doctor {name}" in ran.out
    examples = ran.out.partition("Examples:\n")[2].split("\n\n")[0].strip().split("\n")
    assert len(examples) >= 2
    assert all("ssl-doctor" in line for line in examples)
    assert max(map(len, ran.out.split("\n"))) <= 80


def test_the_version_is_that_of_the_package(cli: Runner) -> None:
    assert cli("--version").out.startswith("ssl-doctor, version 0.")


def test_list_and_explain_agree(cli: Runner) -> None:
    rows = json.loads(cli("list", "--family", "contrastive", "--json").out)["rows"]
    for row in rows:
        page = json.loads(cli("explain", row["id"], "--json").out)
        assert page["id"] == row["id"]
        assert page["title"] == row["text"]


def test_a_fix_is_explained_alone(cli: Runner) -> None:
    whole = cli("explain", "collapse/complete").out
    one = cli("explain", "collapse/complete#restart-gently").out
    assert len(one) < len(whole) / 4
    assert "BatchNorm" in one or "learning rate" in one


def test_an_alias_of_a_source_document_resolves(cli: Runner) -> None:
    assert json.loads(cli("explain", "ssl-1000-fixes#3", "--json").out)["id"] == "collapse/complete"


# In a shell


@pytest.mark.usefixtures("encoder_export")
def test_output_is_the_same_with_and_without_a_terminal_but_for_colour() -> None:
    piped = shell('"$0" "loss stuck at 4.14"')
    terminal = shell(
        "script -qec \"$0 'loss stuck at 4.14'\" /dev/null", env={"TERM": "xterm", "COLUMNS": "200"}
    )
    assert piped.returncode == terminal.returncode == 0
    coloured = terminal.stdout.decode().replace("\r\n", "\n")
    assert "\x1b[1m" in coloured
    assert b"\x1b" not in piped.stdout
    import click

    assert click.unstyle(coloured) == piped.stdout.decode()


@pytest.mark.usefixtures("encoder_export")
def test_no_color_is_honoured_on_a_terminal() -> None:
    terminal = shell(
        "script -qec \"$0 'loss stuck at 4.14'\" /dev/null", env={"TERM": "xterm", "NO_COLOR": "1"}
    )
    assert b"NT-Xent" in terminal.stdout
    assert b"\x1b" not in terminal.stdout


@pytest.mark.usefixtures("encoder_export")
def test_a_reader_that_goes_away_is_no_error() -> None:
    ran = shell('set -o pipefail; "$0" explain vicreg | head -1')
    assert ran.returncode == 0
    assert ran.stdout.strip() == b"VICReg: variance-invariance-covariance regularisation"
    assert ran.stderr == b""


@pytest.mark.usefixtures("encoder_export")
def test_a_question_from_a_pipe_and_its_exit_code() -> None:
    ran = shell('echo "how do I bake bread" | "$0" -')
    assert ran.returncode == 1
    assert shell('"$0" list --family nope').returncode == 2


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shell_completion_prints_its_script(name: str) -> None:
    ran = shell('"$0"', env={"_SSL_DOCTOR_COMPLETE": f"{name}_source"})
    assert ran.returncode == 0
    assert b"_SSL_DOCTOR_COMPLETE" in ran.stdout


def test_commands_complete() -> None:
    env = {
        "_SSL_DOCTOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "ssl-doctor ex",
        "COMP_CWORD": "1",
    }
    assert b"explain" in shell('"$0"', env=env).stdout


@pytest.mark.usefixtures("encoder_export")
def test_a_broken_locale_does_no_harm() -> None:
    ran = shell(
        'printf "\\xff loss stuck at 4.14" | "$0" -', env={"LC_ALL": "C", "PYTHONUTF8": "0"}
    )
    assert ran.returncode == 0
    assert b"Traceback" not in ran.stderr
