"""Claims: an entry is read whole, each piece with its lines; faults are collected, never raised."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_catalogue import CASES, CASES_PATH, ENTRY, PATH, catalogue, replaced, write

from kb.catalogue import Catalogue
from kb.entry_reader import EntryFile, read_entry
from kb.plain_text import plain, strip_controls
from kb.sections import read_body
from kb.types import Correction, Fix, LineSpan, Neighbour, Passage


@pytest.fixture
def file(tmp_path: Path) -> EntryFile:
    write(tmp_path)
    return catalogue(tmp_path).files[0]


def passages(file: EntryFile, kind: str) -> list[Passage]:
    return [one for one in file.document.passages if one.kind == kind]


def test_the_head_becomes_the_entry(file: EntryFile) -> None:
    entry = file.entry
    assert file.problems == ()
    assert entry.id == "collapse/complete"
    assert entry.title == "Every picture gets the same vector"
    assert (entry.family, entry.owner, entry.status) == ("collapse", "bundled", "documented")
    assert entry.methods == ("simclr", "byol")
    assert entry.aliases == ("post-mortem#3",)
    assert entry.signature == "z_std.last * sqrt(dim) < 0.1 and not temperature > 5"
    assert entry.metrics == ("loss", "z_std")
    assert entry.corrects == (
        Correction(
            "A falling loss proves learning.", "The minimum of several losses is a constant output."
        ),
    )
    assert entry.references == ("arxiv:2105.04906", "gh:owner/repo#12")
    assert entry.source == PATH
    assert entry.span == LineSpan(1, ENTRY.count("\n") + 1)


def test_the_body_becomes_the_entry(file: EntryFile) -> None:
    entry = file.entry
    assert entry.symptoms == ("The spread is 0.", "Accuracy stays where z_std was before.")
    assert entry.causes == (
        "One constant answers every question.",
        "z = constant x = z",
        "That is all there is to it.",
    )
    assert entry.tell_apart == (Neighbour("collapse/dimensional", "the rank, which is above 1."),)
    assert entry.false_alarms == ("A short dip.",)


def test_each_fix_has_its_text_without_indentation(file: EntryFile) -> None:
    first, second = file.entry.fixes
    assert first == Fix(
        "check-the-spread",
        "Look at the spread first",
        "Log it.\n```python\nz.std()\n```",
        "live",
        {},
        "defined(z_std)",
    )
    assert second.text == "By ten.\n\nThen wait."
    assert second.change == {"lr": "= lr / 10", "precision": "fp32"}
    assert (second.unless, second.cost) == (None, "restart")


def test_every_passage_is_found_on_its_lines(file: EntryFile) -> None:
    for passage in file.document.passages:
        text = CASES if passage.kind == "phrasing" else ENTRY
        lines = text.split("\n")[passage.span.start - 1 : passage.span.end]
        if passage.markdown:
            assert "\n".join(lines) == passage.markdown
        else:
            assert passage.text in " ".join(lines)
        assert passage.entry_id == "collapse/complete"


def test_every_part_of_the_entry_is_a_passage(file: EntryFile) -> None:
    keys = [one.key for one in file.document.passages]
    assert keys == [
        "title",
        "symptom-1", "symptom-2",
        *(f"phrasing-{number}" for number in range(1, 9)),
        "cause-1", "cause-2", "cause-3",
        "fix-check-the-spread", "fix-lower-the-lr",
        "tell-apart-1",
        "false-alarm-1",
        "note-1",
        "correction-1",
    ]  # fmt: skip


def test_a_remark_below_a_list_belongs_to_no_item(file: EntryFile) -> None:
    (note,) = passages(file, "note")
    assert note.text == "These two are enough."
    assert note.section == ("Suggested next steps",)
    assert "enough" not in file.entry.fixes[-1].text


def test_a_fix_passage_leaves_code_out_and_names_its_fix(file: EntryFile) -> None:
    first = passages(file, "fix")[0]
    assert first.text == "Look at the spread first. Log it."
    assert first.attributes == {"fix": "check-the-spread"}


def test_a_correction_carries_its_truth(file: EntryFile) -> None:
    (correction,) = passages(file, "correction")
    assert correction.text == "A falling loss proves learning."
    assert correction.attributes["truth"].startswith("The minimum")


def test_phrasings_name_their_file_as_the_entry_is_named(file: EntryFile) -> None:
    assert {one.attributes["file"] for one in passages(file, "phrasing")} == {CASES_PATH}
    assert file.document.path == PATH


def test_traces_are_runs(file: EntryFile) -> None:
    (trace,) = file.cases.fires
    assert trace.run.config == {"method": "simclr", "dim": 128, "temperature": 0.5}
    assert trace.run.series["z_std"].values.tolist() == [0.01, 0.001, 0.00001]
    assert file.cases.silent[0].run.series["z_std"].values.tolist() == [0.088]


def test_the_digest_changes_with_the_text_and_the_phrasings_only(
    file: EntryFile, tmp_path: Path
) -> None:
    def digest(entry: str, cases: str) -> str:
        write(tmp_path, entry, cases)
        return catalogue(tmp_path).files[0].document.sha256

    assert digest(ENTRY, CASES) == file.document.sha256
    assert digest(ENTRY + "\n", CASES) != file.document.sha256
    assert digest(ENTRY, replaced(CASES, "all vectors", "the vectors")) != file.document.sha256
    assert digest(ENTRY, replaced(CASES, "why are", "how are")) == file.document.sha256


def test_windows_line_ends_change_nothing(file: EntryFile, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(ENTRY.replace("\n", "\r\n").encode())
    again = read_entry(path, shown_as=PATH)
    assert again.problems == ()
    assert again.entry == file.entry


def test_a_catalogue_is_read_in_the_order_of_its_ids(tmp_path: Path) -> None:
    for name in ("loss/b", "collapse/z", "loss/a"):
        write(tmp_path, ENTRY.replace("collapse/complete", name), path=f"catalogue/{name}.md")
    files = Catalogue.from_directory(tmp_path / "catalogue")
    assert [one.entry.id for one in files] == ["collapse/z", "loss/a", "loss/b"]
    assert len(files) == 3


def test_a_path_outside_the_root_is_shown_whole(tmp_path: Path) -> None:
    path = write(tmp_path)
    (file,) = Catalogue.from_paths([path], root=tmp_path / "elsewhere")
    assert file.document.path == str(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"---\n---\n", b"---\n- a\n---\n# T\n"])
def test_what_is_no_entry_has_problems_and_no_fix(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path)
    path.write_bytes(content)
    file = read_entry(path)
    assert file.problems
    assert file.entry.fixes == ()


def test_a_folder_or_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert "cannot be read" in str(read_entry(tmp_path).problems)
    assert "cannot be read" in str(read_entry(tmp_path / "none.md").problems)


@given(st.data())
def test_no_damage_raises(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Lines are dropped, doubled and replaced at random, in the entry and in its cases."""
    marks = st.sampled_from(
        ["---", "## Symptoms", "```", "- x", "  - {", "a: [", "# T", "1. **x**", ""]
    )

    def damaged(text: str) -> str:
        lines = text.split("\n")
        for _ in range(data.draw(st.integers(1, 6))):
            place = data.draw(st.integers(0, len(lines) - 1))
            lines[place : place + data.draw(st.integers(0, 4))] = [data.draw(marks)]
        return "\n".join(lines)

    folder = tmp_path_factory.mktemp("damaged")
    file = read_entry(write(folder, damaged(ENTRY), damaged(CASES)))
    lines = file.document.text.count("\n") + 1
    for passage in file.document.passages:
        if passage.kind != "phrasing":
            assert 1 <= passage.span.start <= passage.span.end <= lines


def test_headings_inside_code_are_code() -> None:
    lines = enumerate("# T\n## A\n```\n## B\n# C\n```\n## D\n".split("\n"), 1)
    title, sections = read_body(lines)
    assert title is not None
    assert title.markdown == "T"
    assert [(one.name, one.line) for one in sections] == [("A", 2), ("D", 7)]


def test_list_marks_inside_code_start_no_item() -> None:
    text = "## A\n- one\n  ```\n- not an item\n  ```\n- two\n\nafter\n"
    _, (section,) = read_body(enumerate(text.split("\n"), 1))
    assert [one.span for one in section.items()] == [LineSpan(2, 5), LineSpan(6, 6)]
    assert [one.markdown for one in section.remarks()] == ["after"]


def test_paragraphs_are_split_at_blank_lines_outside_code() -> None:
    text = "## A\n\n\none\ntwo\n\n```\nx\n\ny\n```\n\n"
    _, (section,) = read_body(enumerate(text.split("\n"), 1))
    assert [one.span for one in section.paragraphs()] == [LineSpan(4, 5), LineSpan(7, 11)]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("**Set `lr`.** Then *wait*.", "Set lr. Then wait."),
        ("see [the paper](https://x.org/a_(b)) now", "see the paper now"),
        ("![plot](a.png) of it", "plot of it"),
        ("`term__inv` and `term__var`", "term__inv and term__var"),
        ("`x[i](y)` stays", "x[i](y) stays"),
        ("__all__ of it", "all of it"),
        ("2 * 3 * 4 and a*b*c", "2 * 3 * 4 and a*b*c"),
        ("a\n  b\t c", "a b c"),
        ("one ` alone", "one alone"),
        ("``a`` and ```b```", "a and b"),
        ("so:\n```python\nx = 1\n```\nthen `two\nlines`", "so: x = 1 then two lines"),
        ("", ""),
    ],
)
def test_plain_text_is_what_a_reader_sees(markdown: str, text: str) -> None:
    assert plain(markdown) == text


@pytest.mark.parametrize(
    ("hostile", "text"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jx", "x"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("line\nnext\ttab\r", "line\nnext\ttab"),
        ("\u202egnp.exe\u2066x\u2069\u061c", "gnp.exex"),
        ("a\u2028b\ufeff\u200b", "ab"),
        ("\x1b]0;never closed", "]0;never closed"),
        ("é 漢字 🙂", "é 漢字 🙂"),
    ],
)
def test_terminal_escapes_and_hidden_characters_are_dropped(hostile: str, text: str) -> None:
    assert strip_controls(hostile) == text


@given(st.text())
def test_stripped_text_holds_nothing_a_terminal_obeys(text: str) -> None:
    stripped = strip_controls(text)
    assert not [c for c in stripped if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"]
    assert strip_controls(stripped) == stripped


@given(st.text(alphabet="`*_[]()! ab\n\x00", max_size=60))
def test_plain_text_is_one_line_and_marks_no_code(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert "`" not in shown
    assert "\x00" not in shown


@pytest.mark.parametrize(
    "bomb", ["`", "``` ", "[", "[a](", "**a ", "*a", "__a __", "\x1b]", "\x9d", "\x9b", "(x)"]
)
def test_hostile_markup_takes_no_time(bomb: str) -> None:
    text = "[a](" + bomb * 20_000
    started = time.process_time()
    plain(text)
    strip_controls(text)
    assert time.process_time() - started < 2
