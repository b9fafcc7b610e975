"""Claims: one table makes keys, help, footer, palette and docs, and each row does something."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from tui.action import Action, Place
from tui.actions import ACTIONS, action_of, actions_of
from tui.app import DoctorApp, load
from tui.help import help_blocks, shown_key
from tui.keymap import clashes
from tui.reference_page import keys_page
from tui.screen import DoctorScreen

DOCS = Path(__file__).parents[2] / "docs" / "tui.md"
AREAS = re.compile(r"[a-z]+: [A-Z][^:]*")


def owner_of(action: Action, place: Place) -> type[object]:
    if place == "app":
        return DoctorApp
    if place == "numbers":
        return type(load("tui.numbers.screen:NumbersScreen"))
    mode = DoctorApp.MODES[place]
    assert callable(mode)
    return type(mode())


def test_ids_are_unique_and_have_an_area() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z]+\.[a-z_]+", one) for one in ids)


def test_no_key_is_taken_twice_on_a_screen() -> None:
    assert [(a.id, b.id, key) for a, b, key in clashes(ACTIONS, {})] == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_a_row_is_complete_and_has_a_method(action: Action) -> None:
    assert action.keys
    assert action.label
    assert action.help.endswith(".")
    assert AREAS.fullmatch(action.command), action.command
    name = action.does.partition("(")[0]
    for place in action.places:
        assert hasattr(owner_of(action, place), f"action_{name}"), (place, name)


def test_every_action_has_a_key_that_every_terminal_sends() -> None:
    """Neither ctrl+enter nor alt, function keys, or what tmux and flow control take."""
    bad = re.compile(r"alt\+|f\d+$|ctrl\+(enter|s|o|k|l|q|b|z)$")
    for action in ACTIONS:
        assert any(not bad.search(key) for key in action.keys), action.id


def test_every_screen_is_a_doctor_screen_that_says_what_it_is_for() -> None:
    for name, mode in DoctorApp.MODES.items():
        assert callable(mode)
        screen = mode()
        assert isinstance(screen, DoctorScreen)
        assert screen.place == name
        assert screen.about.endswith(".")


@pytest.mark.parametrize("place", get_args(Place))
def test_help_names_every_key_of_a_screen(place: Place) -> None:
    shown = _text(help_blocks(place, "", {}))
    for action in {*actions_of(place), *actions_of("app")}:
        assert action.help in shown
        assert all(shown_key(key) in shown for key in action.keys)


def test_help_shows_the_users_own_keys() -> None:
    shown = _text(help_blocks("ask", "", {"app.quit": "ctrl+x"}))
    line = next(one for one in shown.split("\n") if action_of("app.quit").help in one)
    assert line.startswith("ctrl+x")


def test_the_documentation_is_what_the_table_says() -> None:
    assert keys_page() in DOCS.read_text(encoding="utf-8"), "run python -m tui.reference_page"


def _text(blocks: Sequence[object]) -> str:
    return "\n".join(f"{block.first} {block.text}" for block in blocks)  # type: ignore[attr-defined]
