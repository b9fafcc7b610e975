"""Claims: a user's settings are taken where they are sound, and every problem is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.actions import ACTIONS
from tui.keymap import clashes, keep_theme, path_of_preferences, preferences
from tui.themes import ORDER


def written(text: str) -> Path:
    path = path_of_preferences()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_nothing_changes() -> None:
    assert preferences(ACTIONS, ORDER).keys == {}
    assert preferences(ACTIONS, ORDER).problems == ()


def test_keys_and_theme_are_read() -> None:
    written("theme: nord\nkeys:\n  app.quit: ctrl+x\n  ask.next_item: v, ctrl+n\n")
    found = preferences(ACTIONS, ORDER)
    assert found.theme == "nord"
    assert found.keys == {"app.quit": "ctrl+x", "ask.next_item": "v,ctrl+n"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("theme: nrd\n", ["theme: found nrd", 'did you mean "nord"']),
        ("colour: red\n", ["unknown setting colour"]),
        ("keys:\n  app.quti: x\n", ["no action app.quti", 'did you mean "app.quit"']),
        ("keys:\n  app.quit: []\n", ["app.quit: expected a key"]),
        ("keys: 3\n", ["keys: expected lines such as"]),
        ("- 1\n", ["expected theme: and keys:"]),
        ("a: [\n", ["tui.yaml"]),
        (
            "keys:\n  app.quit: y\n",
            ["y is wanted by", "app.copy", "app.quit", "keeps its usual key"],
        ),
        (
            "keys:\n  ask.next_item: v\n  ask.retry: v\n",
            ["v is wanted by", "ask.next_item", "ask.retry"],
        ),
    ],
)
def test_a_problem_is_named_and_stops_nothing(text: str, parts: list[str]) -> None:
    path = written(text)
    found = preferences(ACTIONS, ORDER)
    assert len(found.problems) == 1
    for part in [*parts, str(path)]:
        assert part in found.problems[0]


def test_a_theme_is_kept_and_the_other_lines_stay() -> None:
    text = "# mine\ntheme: nord  # at night\nkeys:\n  app.quit: ctrl+x  # not q\n"
    path = written(text)
    assert keep_theme("textual-light") == ""
    assert path.read_text("utf-8") == text.replace("nord  # at night", "textual-light")
    found = preferences(ACTIONS, ORDER)
    assert (found.theme, found.keys, found.problems) == (
        "textual-light", {"app.quit": "ctrl+x"}, (),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "theme: nord", "keys:\n  app.quit: ctrl+x\n"])
def test_a_theme_is_kept_whatever_was_there(text: str) -> None:
    if text:
        written(text)
    for name in ORDER:
        assert keep_theme(name) == ""
        assert preferences(ACTIONS, ORDER).theme == name
    assert [one.name for one in path_of_preferences().parent.iterdir()] == ["tui.yaml"]


@pytest.mark.parametrize(
    "text", ["a: [\n", "- 1\n", "{theme: nord}\n", "theme:\n  - nord\n", "x" * (1 << 17)]
)
def test_a_file_that_is_not_understood_is_left_as_it_is(text: str) -> None:
    path = written(text)
    assert str(path) in keep_theme("nord")
    assert path.read_text("utf-8") == text


def test_bytes_that_are_no_text_and_a_folder_in_its_place_are_told() -> None:
    path = written("")
    path.write_bytes(b"\xff\xfe")
    assert "tui.yaml" in keep_theme("nord")
    assert path.read_bytes() == b"\xff\xfe"
    path.unlink()
    path.mkdir()
    assert "tui.yaml" in keep_theme("nord")
    assert list(path.parent.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path = written("")
    path.unlink()
    (tmp_path / "dotfile").write_text("keys: {}\n")
    path.symlink_to(tmp_path / "dotfile")
    assert keep_theme("nord") == ""
    assert path.is_symlink()
    assert (tmp_path / "dotfile").read_text() == "theme: nord\nkeys: {}\n"


def test_two_actions_may_swap_their_keys() -> None:
    written("keys:\n  app.copy: e\n  app.export: y\n")
    found = preferences(ACTIONS, ORDER)
    assert found.problems == ()
    assert clashes(ACTIONS, found.keys) == []


@given(
    st.dictionaries(
        st.sampled_from([action.id for action in ACTIONS]),
        st.text(alphabet="abcxyz,?/", min_size=1, max_size=4),
        max_size=6,
    )
)
def test_whatever_is_wanted_no_clash_is_left(keys: dict[str, str]) -> None:
    written("keys:\n" + "".join(f'  {name}: "{key}"\n' for name, key in keys.items()))
    assert clashes(ACTIONS, preferences(ACTIONS, ORDER).keys) == []
