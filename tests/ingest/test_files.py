"""What is found below a path, and that a bad file is one error line rather than a hang."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import files
from ingest.files import MAX_BYTES, MAX_LINE, MAX_LINES, discover, printable, read_text
from kb.errors import InputUnreadable


def write(path: Path, text: str = "# T\n\ntext\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(*paths: Path) -> list[Path]:
    """Return the files that would be read; none may be refused."""
    looked = list(discover(paths))
    assert [str(one.error) for one in looked if one.error] == []
    return [one.path for one in looked]


def refusals(*paths: Path) -> list[str]:
    return [str(one.error) for one in discover(paths) if one.error]


def refusal(path: Path) -> str:
    with pytest.raises(InputUnreadable) as caught:
        read_text(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_vault_is_searched_in_a_stable_order_without_its_hidden_folders(tmp_path: Path) -> None:
    names = ["b.md", "a/x.markdown", "a/über uns.MD", "日本/a note.md", "a/b/c/d.mdown"]
    wanted = [write(tmp_path / name) for name in names]
    for name in (".obsidian/a.md", ".trash/b.md", "a/.git/c.md", ".hidden.md", "a.txt", "b.canvas"):
        write(tmp_path / name)
    assert sorted(found(tmp_path)) == sorted(wanted)
    assert found(tmp_path) == found(tmp_path)


def test_a_hidden_folder_that_is_named_is_searched(tmp_path: Path) -> None:
    note = write(tmp_path / ".notes" / "a.md")
    assert found(tmp_path / ".notes") == [note]


def test_a_named_file_is_read_whatever_its_suffix(tmp_path: Path) -> None:
    assert found(write(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]


def test_a_file_named_twice_or_linked_inside_the_folder_counts_once(tmp_path: Path) -> None:
    note = write(tmp_path / "vault" / "a.md")
    (tmp_path / "vault" / "b.md").symlink_to("a.md")
    (tmp_path / "vault" / "itself").symlink_to(".")
    assert found(tmp_path / "vault", note, tmp_path / "vault" / ".." / "vault") == [note]


def test_links_out_of_the_folder_are_reported_and_not_followed(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret" / "s.md")
    vault = tmp_path / "vault"
    write(vault / "a.md")
    (vault / "file.md").symlink_to(secret)
    (vault / "folder").symlink_to(secret.parent)
    (vault / "sibling.md").symlink_to("../secret/s.md")
    looked = list(discover([vault]))
    assert [one.path.name for one in looked if not one.error] == ["a.md"]
    assert refusals(vault) == [
        f"{vault}/{name}: link leaves {vault}, not followed"
        for name in ("file.md", "folder", "sibling.md")
    ]


def test_a_folder_whose_name_starts_like_the_vault_is_outside_of_it(tmp_path: Path) -> None:
    write(tmp_path / "vault-private" / "s.md")
    write(tmp_path / "vault" / "a.md")
    (tmp_path / "vault" / "s.md").symlink_to("../vault-private/s.md")
    assert len(refusals(tmp_path / "vault")) == 1


def test_a_link_that_is_named_itself_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "vault" / "a.md")
    (tmp_path / "link").symlink_to("vault")
    assert found(tmp_path / "link") == [tmp_path / "link" / "a.md"]


def test_cyclic_and_broken_links_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("b.md")
    (tmp_path / "b.md").symlink_to("a.md")
    (tmp_path / "c.md").symlink_to("gone.md")
    assert refusals(tmp_path) == [
        f"{tmp_path}/{name}.md: broken or cyclic link" for name in ("a", "b", "c")
    ]
    assert len(refusals(tmp_path / "a.md")) == 1


def test_a_folder_named_like_a_file_is_reported_and_its_files_are_read(tmp_path: Path) -> None:
    note = write(tmp_path / "x.md" / "inside.md")
    looked = list(discover([tmp_path]))
    assert [one.path for one in looked if not one.error] == [note]
    assert refusals(tmp_path) == [
        f"{tmp_path}/x.md: a folder, expected a file; what is in it was read"
    ]


def test_a_folder_without_markdown_and_a_path_that_is_not_there_are_reported(
    tmp_path: Path,
) -> None:
    (tmp_path / "x.md").mkdir()
    assert refusals(tmp_path / "x.md", tmp_path / "gone.md") == [
        f"{tmp_path}/x.md: no Markdown files in this folder",
        f"{tmp_path}/gone.md: No such file or directory",
    ]
    assert "\n" not in refusals(Path("a\0b.md"))[0]


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = write(tmp_path / "a.md")
    write(tmp_path / "closed" / "b.md")
    scandir = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert [one.path for one in discover([tmp_path]) if not one.error] == [note]
    assert refusals(tmp_path) == [f"{tmp_path}/closed: Permission denied"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    note = write(tmp_path / "a.md")
    note.chmod(0)
    assert refusal(note) == f"{note}: Permission denied"


BAD: list[tuple[str, bytes, str]] = [
    ("NUL bytes", b"a\0b", "a binary file (it holds NUL bytes), expected text"),
    ("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a binary file"),
    ("Latin-1", "x\nÜber".encode("latin-1"), ":2: not UTF-8 at byte 2"),
    ("a cut character", "Ü".encode()[:1], "not UTF-8 at byte 0"),
    ("UTF-16", "# T".encode("utf-16"), "UTF-16, expected UTF-8"),
    ("an escape", b"a\n\nb\x1b[31mc", ":3: control character U+001B"),
    ("a bell", b"\x07", ":1: control character U+0007"),
    ("a long line", b"a\n" + b"x" * (MAX_LINE + 1), ":2: a line of"),
    ("many lines", b"-\n" * (MAX_LINES + 1), "lines, expected at most"),
]


@pytest.mark.parametrize(("content", "wanted"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_unreadable_content_is_refused_with_its_place(
    tmp_path: Path, content: bytes, wanted: str
) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(content)
    assert refusal(path).startswith(str(path))
    assert wanted in refusal(path)


def test_a_huge_file_is_refused_without_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.md"
    with path.open("wb") as stream:
        stream.truncate(10**9)  # one sparse line
    read: list[int] = []

    def reading(handle: int) -> bytes:
        read.append(handle)
        return b""

    monkeypatch.setattr(files, "_read", reading)
    assert refusal(path) == f"{path}: 1000.0 MB, expected at most 4.2 MB"
    assert read == []


def test_a_file_that_grows_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.md")
    monkeypatch.setattr(files, "_read", lambda handle: b"x" * (MAX_BYTES + 1))
    assert "expected at most" in refusal(path)


def test_a_pipe_a_device_and_a_folder_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    assert refusal(tmp_path / "pipe.md") == f"{tmp_path}/pipe.md: not a regular file"
    assert refusal(Path("/dev/zero")) == "/dev/zero: not a regular file"
    assert refusal(tmp_path) == f"{tmp_path}: not a regular file"


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a.md") == f"{tmp_path}/a.md: No such file or directory"


@pytest.mark.parametrize("make", [lambda: "x" * MAX_LINE, lambda: "-\n" * MAX_LINES])
def test_text_at_the_limits_is_read(tmp_path: Path, make: Callable[[], str]) -> None:
    assert read_text(write(tmp_path / "a.md", make())) == make()


def test_line_ends_and_a_byte_order_mark_are_made_plain(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes("\ufeff# Ü\r\nb\rc\fd\n".encode())
    assert read_text(path) == "# Ü\nb\nc\nd\n"


@given(st.text(min_size=1))
def test_a_printable_path_is_one_harmless_line(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert shown.encode()


def test_unicode_names_stay_readable() -> None:
    assert printable("Über uns/日本 – note.md") == "Über uns/日本 – note.md"
