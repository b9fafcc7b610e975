"""`ssl-doctor ingest` and `remove` as a user runs them: what is printed, where, and exit codes."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import sqlite3
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hash_encoder import HashEncoder, vectors_fit

from assistant.cli import run
from ingest.report import FileResult, NearDuplicate, Refuted, Report
from ingest.report_text import WIDTH, lines
from kb.errors import StoreError
from kb.paths import user_store
from kb.store import Store
from kb.store_schema import SCHEMA_VERSION, check_schema

NOTE = "# Note\n\nThe loss is stuck at 4.14.\n\nThe spread of the embeddings is zero.\n"
COMMAND = [sys.executable, "-c", "from assistant.cli import main; main()"]
HEAVY = "torch sentence_transformers transformers textual onnxruntime sklearn faiss".split()


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    folder = tmp_path / "my vault"
    for name in ("a.md", "über/ein Brief.md", ".obsidian/b.md", ".trash/c.md"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{NOTE}\nThis is {name}, see [[a|the first]].\n", encoding="utf-8")
    return folder


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> HashEncoder:
    """Put an encoder without a model in the place of the configured one."""
    made = HashEncoder()
    monkeypatch.setattr("ingest.encode.query_encoder", lambda notify: made)
    monkeypatch.setattr("ingest.encode.encoder_identity", lambda: made.identity)
    return made


def ssl_doctor(
    *arguments: object, limit: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
    )


def stored() -> list[str]:
    with Store.open(user_store()) as store:
        return [info.id.removeprefix("user:") for info in store.documents()]


def stored_by_now() -> list[str]:
    """Return what another process has stored; nothing while it still makes the file."""
    try:
        return stored() if user_store().is_file() else []
    except StoreError:
        return []


@pytest.mark.usefixtures("encoder")
def test_a_vault_is_ingested_and_a_second_run_finds_nothing_to_do(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ingest", str(vault)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"added      {vault}/a.md",
        f"added      {vault}/über/ein Brief.md",
        "2 added",
    ]
    assert printed.err == ""
    before = user_store().read_bytes()
    assert run(["ingest", str(vault)]) == 0
    assert capsys.readouterr().out == "2 unchanged\n"
    assert user_store().read_bytes() == before
    assert stored() == [f"{vault}/a.md", f"{vault}/über/ein Brief.md"]


@pytest.mark.usefixtures("encoder")
def test_bad_files_are_one_line_each_on_stderr_and_the_others_go_in(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (vault / "a.md").write_bytes(b"\0")
    (vault / "line\nbreak\x1b[2J.md").write_bytes("Ü".encode("latin-1"))
    assert run(["ingest", str(vault), str(vault / "gone.md")]) == 3
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"added      {vault}/über/ein Brief.md",
        "1 added, 3 unreadable",
    ]
    assert printed.err.splitlines() == [
        f"{vault}/a.md: a binary file (it holds NUL bytes), expected text",
        f"{vault}/line\\nbreak\\x1b[2J.md:1: not UTF-8 at byte 0; save it as UTF-8",
        f"{vault}/gone.md: No such file or directory",
    ]


@pytest.mark.usefixtures("encoder")
def test_a_report_tells_counts_and_coverage_also_of_unchanged_files(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for outcome in ("added", "unchanged"):
        assert run(["ingest", str(vault / "a.md"), "--report"]) == 0
        printed = capsys.readouterr().out.splitlines()
        assert printed[0] == f"{outcome:<11}{vault}/a.md"
        assert printed[1].startswith("  read as headed: passages ")
        assert printed[2] == "  coverage 100% (4 of 4 lines with text)"
        assert printed[3] == f"1 {outcome}"


@pytest.mark.usefixtures("encoder")
def test_json_is_one_document_with_a_schema(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (vault / "bad.md").write_bytes(b"\0")
    assert run(["ingest", str(vault), "--json"]) == 3
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["schema"] == 1
    assert [file["outcome"] for file in report["files"]] == ["added", "failed", "added"]
    assert report["files"][1]["error"] + "\n" == printed.err
    assert report["encoded"] == report["files"][0]["counts"]["passages"] * 2


@pytest.mark.usefixtures("encoder")
def test_a_dry_run_makes_no_store_and_says_so(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ingest", str(vault), "--dry-run"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"new        {vault}/a.md"
    assert printed[-1] == "dry run, nothing written: 2 to add"
    assert not user_store().parent.exists()


@pytest.mark.usefixtures("encoder")
def test_documents_are_removed_by_path_folder_and_id(
    vault: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["ingest", str(vault)])
    (vault / "a.md").unlink()
    capsys.readouterr()
    assert run(["remove", str(vault / "a.md"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "removed": [f"user:{vault}/a.md"]}
    assert run(["remove", str(vault)]) == 0
    assert capsys.readouterr().out == f"removed    {vault}/über/ein Brief.md\n"
    assert run(["remove", f"user:{vault}/a.md"]) == 2
    assert "no such document" in capsys.readouterr().err
    assert stored() == []


def test_ctrl_c_ends_with_130_and_leaves_what_was_done(
    vault: Path, encoder: HashEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    encoder.before = interrupt
    assert run(["ingest", str(vault)]) == 130
    assert capsys.readouterr().err.split("\n") == [
        "stopped: what was done so far is stored; the same command goes on from there",
        "",
        "interrupted",
        "",
    ]
    with Store.open(user_store()) as store:
        assert [info.id for info in store.documents()] == [f"user:{vault}/a.md"]
        assert vectors_fit(store)
    encoder.before = None
    assert run(["ingest", str(vault)]) == 0
    assert len(stored()) == 2


def test_a_signal_ends_a_running_ingest_with_130(tmp_path: Path, encoder_export: Path) -> None:
    vault = tmp_path / "vault"
    vault.mkdir()
    for number in range(200):
        (vault / f"{number:03}.md").write_text(NOTE * 20)
    process = subprocess.Popen(
        [*COMMAND, "ingest", str(vault)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not stored_by_now():
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said
    with Store.open(user_store()) as store:
        documents = [store.document(info.id) for info in store.documents()]
    assert 0 < len(documents) < 200
    assert all(document and document.text == NOTE * 20 for document in documents)


def test_a_second_run_takes_under_a_second_and_loads_nothing_heavy(
    tmp_path: Path, encoder_export: Path
) -> None:
    for number in range(50):
        (tmp_path / f"{number}.md").write_text(f"# Note {number}\n\nThe loss is stuck.\n")
    assert ssl_doctor("ingest", tmp_path).returncode == 0
    script = (
        "import sys; from assistant.cli import run; code = run(sys.argv[1:]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    before = user_store().read_bytes()
    seconds = []
    for _ in range(3):
        before_it = _worked()
        done = subprocess.run(
            [sys.executable, "-c", script, "ingest", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        seconds.append(_worked() - before_it)
        assert done.stdout.splitlines() == ["50 unchanged", "[]"]
    assert user_store().read_bytes() == before
    assert min(seconds) < 1.0


def _worked() -> float:
    """Return the processor seconds of ended children: other work on the machine is not theirs."""
    return os.times().children_user + os.times().children_system


def test_a_first_run_with_the_model_exported_needs_no_torch(
    vault: Path, encoder_export: Path
) -> None:
    script = (
        "import sys; from assistant.cli import run; run(sys.argv[1:]); "
        "print('torch' in sys.modules, 'sentence_transformers' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "ingest", str(vault)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["2 added", "False False"]
    assert done.stderr == ""


def test_a_terminal_sees_a_bar_and_a_pipe_none(vault: Path, encoder_export: Path) -> None:
    assert ssl_doctor("ingest", vault, "--dry-run").stderr == ""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    done = subprocess.run(
        [*COMMAND, "ingest", str(vault), "--dry-run"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
        check=True,
    )
    os.set_blocking(ours, False)
    shown = os.read(ours, 2**16)
    os.close(theirs)
    os.close(ours)
    assert b"reading:" in shown
    assert b"B/s" in shown
    assert done.stdout.splitlines()[-1] == "dry run, nothing written: 2 to add"


def test_hostile_files_neither_hang_nor_fill_the_memory(
    tmp_path: Path, encoder_export: Path
) -> None:
    with (tmp_path / "one line.md").open("wb") as stream:
        stream.truncate(10**9)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "loop.md").symlink_to("loop.md")
    (tmp_path / "passwd.md").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    (tmp_path / "binary.md").write_bytes(os.urandom(1024) + b"\0")
    (tmp_path / "long.md").write_text("x" * 3_000_000)
    (tmp_path / "many.md").write_text("- a\n" * 900_000)
    (tmp_path / "escape.md").write_text("\x1b]0;pwned\x07")
    (tmp_path / "latin.md").write_bytes(b"\xff")
    bomb = "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefgh"))
    (tmp_path / "bomb.md").write_text(f"---\na: &a [x]\n{bomb}---\n# T\n")
    (tmp_path / "x.md").mkdir()
    (tmp_path / "deep.md").write_text(
        "> " * 10_000 + "x\n\n" + "- " * 10_000 + "y\n\n" + "[" * 10_000 + "\n\n" + "*" * 10_000
    )
    (tmp_path / "good.md").write_text(NOTE)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    done = ssl_doctor("ingest", tmp_path, limit=limit)
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        f"added      {tmp_path}/deep.md",
        f"added      {tmp_path}/good.md",
        "2 added, 12 unreadable",
    ]
    refused = done.stderr.splitlines()
    assert len(refused) == 12
    assert all(line.startswith(f"{tmp_path}/") for line in refused)
    assert "\x1b" not in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1.5 * 2**20  # KiB


def test_two_ingests_and_queries_at_once_lose_nothing(tmp_path: Path, encoder_export: Path) -> None:
    for folder in ("one", "two", "shared"):
        (tmp_path / folder).mkdir()
        for number in range(12):
            text = f"# {folder} {number}\n\nMy sketch run number {number} was stuck.\n"
            (tmp_path / folder / f"{number}.md").write_text(text)
    both = [
        subprocess.Popen(
            [*COMMAND, "ingest", str(tmp_path / name), str(tmp_path / "shared")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    asked = 0
    while any(process.poll() is None for process in both) or not asked:
        query = ssl_doctor("loss stuck at 4.14")
        assert query.returncode in (0, 4), query.stderr
        assert not query.stderr or query.stderr.startswith("building the search index")
        asked += 1
    for process in both:
        _, said = process.communicate()
        assert (process.returncode, said) == (0, "")
    with Store.open(user_store()) as store:
        texts = {info.id: store.document(info.id) for info in store.documents()}
        assert set(texts) == {f"user:{path}" for path in tmp_path.glob("*/*.md")}
        for name, document in texts.items():
            assert document
            assert document.text == Path(name.removeprefix("user:")).read_text()


def test_a_store_that_another_process_makes_right_now_is_no_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    makers: list[threading.Thread] = []

    class Interrupted(sqlite3.Connection):
        """A connection during whose schema check another one makes the store."""

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            found = super().execute(sql)
            if sql == "PRAGMA application_id" and not makers:
                makers.append(threading.Thread(target=lambda: Store.open(path).close()))
                makers[0].start()
                makers[0].join(timeout=1)  # it waits for us where the check is one transaction
            return found

    connection = sqlite3.connect(path, factory=Interrupted)
    try:
        assert check_schema(connection, str(path)) in (0, SCHEMA_VERSION)
    finally:
        connection.close()
        makers[0].join()


# The report as text


def result(outcome: str = "added", **fields: object) -> FileResult:
    return FileResult("/home/a/notes/why.md", outcome, "post_mortem", **fields)  # type: ignore[arg-type]


TRUTH = "The official code defaults to 0.1, and its command for CIFAR-10 uses 0.5 instead of it."
REFUTED = tuple(
    Refuted(line, "Standard SimCLR uses a temperature of 0.07, say all the posts", TRUTH, "a/b")
    for line in (33, 86, 86)
)


def text_of(*files: FileResult, full: bool = False, dry_run: bool = False) -> list[str]:
    return list(lines(Report(files, dry_run, 0), full=full))


def test_corrections_are_grouped_by_what_they_say() -> None:
    assert text_of(result(refuted=REFUTED)) == [
        "added      /home/a/notes/why.md",
        "  1 statement that an entry here corrects:",
        "    lines 33, 86: “Standard SimCLR uses a temperature of 0.07, say all the",
        "      posts”",
        "      The official code defaults to 0.1, and its command for CIFAR-10 uses 0.5",
        "      instead of it.",
        "      ssl-doctor explain a/b",
        "",
        "1 added",
    ]


def test_a_brief_report_says_how_much_it_leaves_out() -> None:
    refuted = tuple(Refuted(n, "passage", f"truth {n}", "a/b") for n in range(1, 6))
    near = tuple(NearDuplicate(f"why/{n}", "c/d", 0.7) for n in range(4))
    brief = text_of(result(refuted=refuted, near=near))
    assert sum("ssl-doctor explain a/b" in line for line in brief) == 3
    assert "  and 3 more; --report shows all" in brief
    full = text_of(result(refuted=refuted, near=near), full=True)
    assert sum("ssl-doctor explain a/b" in line for line in full) == 5
    assert not any("more" in line for line in full)


def test_unchanged_files_are_listed_in_a_full_report_only() -> None:
    assert text_of(result("unchanged")) == ["1 unchanged"]
    assert text_of(result("unchanged"), full=True)[0] == "unchanged  /home/a/notes/why.md"


def test_coverage_is_rounded_down_and_names_the_lines_that_were_not_understood() -> None:
    counts = {"entries": 2, "quotes": 0, "code": 3, "code.python": 2, "code.plain": 1}
    found = text_of(
        result(counts={**counts, "lines": 400, "lines_covered": 399}, unparsed=((7, 7), (9, 12))),
        full=True,
    )
    assert found[1] == "  read as post mortem: entries 2, code 3 (python 2, plain 1)"
    assert found[2] == (
        "  coverage 99% (399 of 400 lines with text); not understood: lines 7; 9-12"
    )


def test_nothing_but_a_path_is_wider_than_the_terminal() -> None:
    long = "word " * 60
    file = result(
        near=(NearDuplicate("why/" + "a" * 60, "family/" + "b" * 40, 0.81),),
        refuted=tuple(Refuted(n, long, long, "family/name") for n in range(100, 160)),
        counts={f"kind {n}": n for n in range(1, 40)},
        unparsed=tuple((n, n + 1) for n in range(1, 200, 3)),
    )
    printed = text_of(file, full=True)
    assert max(map(len, printed)) <= WIDTH
    assert len(printed) > 20


def test_a_summary_counts_what_is_there() -> None:
    files = [result("added"), result("updated"), result("unchanged"), result("failed", error="x")]
    assert text_of(*files)[-1] == "1 added, 1 updated, 1 unchanged, 1 unreadable"
    assert text_of(*files, dry_run=True)[-1] == (
        "dry run, nothing written: 1 to add, 1 to update, 1 unchanged, 1 unreadable"
    )
    assert text_of() == ["nothing to do"]
    assert text_of(*[result("added")] * 10)[-1] == "10 added"
