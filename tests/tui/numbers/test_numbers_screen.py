"""Paste numbers: how they are read shows at once, enter uses them, what is missing is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Static
from tui_golden import check, golden_form, settle, shows, until_shown
from tui_pilot import driven, text_of, until

from assistant.pasted import read_pasted
from tui.app import DoctorApp
from tui.numbers.screen import NumbersBox, NumbersScreen
from tui.numbers.text import typed
from tui.widgets.page import Page

SIZES = ((80, 24), (100, 30), (120, 40))


@asynccontextmanager
async def numbers_box(
    size: tuple[int, int] = (80, 24),
) -> AsyncIterator[tuple[DoctorApp, Pilot[None], NumbersScreen]]:
    app = DoctorApp()
    app.consultation.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        app.action_paste_numbers()
        await until(pilot, lambda: isinstance(app.screen, NumbersScreen))
        screen = app.screen
        assert isinstance(screen, NumbersScreen)
        yield app, pilot, screen
    app.consultation.close()


def read_as(screen: NumbersScreen) -> str:
    return text_of(screen.query_one(Page).query_one(Static))


def verdict(screen: NumbersScreen) -> str:
    return text_of(screen.query_one("#numbers-verdict", Static))


@driven
async def test_numbers_are_read_while_typed_judged_and_used() -> None:
    async with numbers_box() as (app, pilot, screen):
        assert "loss 4.143, batch 32" in read_as(screen), "an example stands where nothing is typed"
        await pilot.press(*"simclr loss 4", "full_stop", *"143")
        screen.query_one(NumbersBox).insert(", batch 32, z_std 1e-4, foo 3, 7")
        await pilot.pause()
        for line in (
            "✓ method = simclr  setting", "✓ loss = 4.143  metric", "✓ batch → batch_size = 32",
            "✗ foo = 3, 7  not in the vocabulary",
        ):  # fmt: skip
            assert line in read_as(screen)
        await until(pilot, lambda: "✗ sick" in verdict(screen))
        assert "contrastive/chance-level-loss" in verdict(screen)
        await pilot.press("enter")
        await until(pilot, lambda: app.session.numbers is not None)
        assert not isinstance(app.screen, NumbersScreen)
        assert app.session.numbers == {
            "method": "simclr", "loss": 4.143, "batch_size": 32, "z_std": 1e-4, "foo": [3.0, 7.0],
        }  # fmt: skip


@driven
async def test_numbers_in_use_are_there_to_be_changed_and_escape_leaves_them() -> None:
    async with numbers_box() as (app, pilot, screen):
        screen.query_one(NumbersBox).insert("loss 4.1, batch 32")
        await pilot.press("enter")
        await until(pilot, lambda: app.session.numbers is not None)
        app.action_paste_numbers()
        await until(pilot, lambda: isinstance(app.screen, NumbersScreen))
        assert app.screen.query_one(NumbersBox).text == "loss 4.1, batch_size 32"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, NumbersScreen))
        assert app.session.numbers == {"loss": 4.1, "batch_size": 32}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no number with a name"), ("batch 32", "settings alone"), ("12 13", "no number with")],
)
@driven
async def test_what_cannot_be_used_says_what_is_missing(text: str, said: str) -> None:
    async with numbers_box() as (app, pilot, screen):
        screen.query_one(NumbersBox).insert(text)
        await pilot.press("enter")
        await until(pilot, lambda: said in verdict(screen))
        assert app.session.numbers is None


@driven
async def test_ctrl_j_begins_a_line_and_pasted_lines_stay_lines() -> None:
    async with numbers_box() as (_, pilot, screen):
        box = screen.query_one(NumbersBox)
        box.insert("epoch 1 loss 4.2\nepoch 2 loss 4.1")
        await pilot.press("ctrl+j")
        box.insert("epoch 3 loss 4.0")
        await pilot.pause()
        assert box.text.count("\n") == 2
        assert "loss = 4.2, 4.1, 4" in read_as(screen)


@driven
async def test_a_long_hostile_paste_is_read_on_a_thread_and_stays_text() -> None:
    async with numbers_box() as (_, pilot, screen):
        text = "[@click=app.quit]x[/] 3\nloss\x1b[31m 4.1\n" + "junk " * 4000
        screen.query_one(NumbersBox).load_text(text)
        await until(pilot, lambda: "loss = 4.1" in read_as(screen))
        assert "\x1b" not in read_as(screen)


@given(
    st.dictionaries(
        st.sampled_from(["loss", "z_std", "knn_acc", "grad_norm"]),
        st.one_of(st.floats(-1e9, 1e9), st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=4)),
        min_size=1,
    )
)
def test_numbers_written_back_are_read_as_the_same(numbers: dict[str, float | list[float]]) -> None:
    assert read_pasted(typed(numbers)).numbers == numbers


TYPED = {
    "typed": ("simclr loss 4.143, batch 32, rank 3, foo 3, 7", ("✗ foo = 3, 7",)),
    "empty": ("", ("loss 4.143, batch 32",)),
}


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict is the catalogue's; what is told of it here must not change with it."""
    monkeypatch.setattr(NumbersScreen, "_judge", lambda self: None)


async def shown(
    name: str, look: Callable[[DoctorApp], None], size: tuple[int, int] = (80, 24), theme: str = ""
) -> None:
    text, texts = TYPED[name]
    async with numbers_box(size) as (app, pilot, screen):
        if theme:
            app.theme = theme
        screen.query_one(NumbersBox).insert(text)
        await until(pilot, lambda: screen.query_one(NumbersBox).text == text)
        await until_shown(pilot, "Numbers instead of a run", *texts)
        await settle(pilot)
        look(app)


@pytest.mark.parametrize("size", SIZES, ids=lambda one: f"{one[0]}x{one[1]}")
@pytest.mark.parametrize("name", TYPED)
@driven
async def test_the_box_looks_as_designed(name: str, size: tuple[int, int], unjudged: None) -> None:
    await shown(name, lambda app: check(app, f"numbers-{name}-{size[0]}x{size[1]}"), size)


@pytest.mark.parametrize("theme", ["doctor-light", "ansi-dark"])
@driven
async def test_other_themes_look_as_designed(theme: str, unjudged: None) -> None:
    await shown("typed", lambda app: check(app, f"numbers-typed-{theme}"), theme=theme)


@driven
async def test_without_colour_what_was_read_is_still_told_apart(
    unjudged: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(app: DoctorApp) -> None:
        check(app, "numbers-typed-no-color")
        assert shows(app, "✓ loss = 4.143", "✗ foo = 3, 7")

    await shown("typed", look)


@pytest.mark.slow
@pytest.mark.parametrize("name", TYPED)
@driven
async def test_the_box_looks_the_same_ten_times(name: str, unjudged: None) -> None:
    forms: list[str] = []
    for _ in range(10):
        await shown(name, lambda app: forms.append(golden_form(app)))
    assert len(set(forms)) == 1
