"""Claims: a method's document is read by section, its losses' values stand in tables, and what is
not written says so.
"""

from __future__ import annotations

import pytest
from shelf_driving import METHOD_TEXT, Library, opened, page_text, replace_jobs
from textual.widgets import Static
from tui_pilot import driven, until

from kb.errors import StoreError
from tui.app import DoctorApp
from tui.browse.methods import VALUES, MethodsScreen
from tui.browse.values import number


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return replace_jobs(monkeypatch)


def titles(screen: MethodsScreen) -> list[str]:
    return [part.title for part in screen._parts.values()]


@driven
async def test_the_first_written_document_is_listed_by_section(library: Library) -> None:
    async with opened("methods") as (_, pilot, screen):
        assert titles(screen) == [
            "SimCLR: contrast of two views", "Formula", "Table of values", "Too small a batch",
        ]  # fmt: skip
        headings = [group.heading for group in screen.items._groups]
        assert headings == ["Fingerprints", "Introduction", "The loss", "Pitfalls"]
        assert "4 sections" in str(screen.query_one("#about", Static).content)
        await pilot.press("n")
        await until(pilot, lambda: "loss = -log softmax(sim / t)" in page_text(screen))
        await pilot.press("n")
        await until(pilot, lambda: "32 4.143" in page_text(screen))
        await pilot.press("y")
        assert "| 32 | 4.143 |" in screen.app.clipboard
        assert screen.equivalent_command() == "ssl-doctor explain simclr"
        await pilot.press("N")
        await until(pilot, lambda: "softmax" in page_text(screen))


@driven
async def test_another_screen_opens_a_section_by_its_line(library: Library) -> None:
    lines = METHOD_TEXT.split("\n")
    values, pitfall = lines.index("### Table of values") + 3, lines.index("### Too small a batch")
    app = DoctorApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_section("simclr", values)
        await until(pilot, lambda: isinstance(app.screen, MethodsScreen))
        screen = app.screen
        assert isinstance(screen, MethodsScreen)
        await until(pilot, lambda: "32 4.143" in page_text(screen))
        screen.choose_shelf("byol")
        await until(pilot, lambda: "losses of byol" in page_text(screen))
        await pilot.press("i", "z", "z", "enter", "1")
        app.open_section("simclr", pitfall + 1)
        await until(pilot, lambda: "It sets the level" in page_text(screen))
        assert screen._chosen is not None
        assert screen._chosen.name == "simclr"
        assert screen.has_class("-reading")
        app.open_section("simclr", values)
        await until(pilot, lambda: "32 4.143" in page_text(screen))
        app.open_section("nothing of that name", 3)
        await pilot.pause()
        assert "32 4.143" in page_text(screen)


@driven
@pytest.mark.parametrize("size", [(80, 24), (170, 40)])
async def test_values_of_the_losses_stand_in_tables(
    library: Library, size: tuple[int, int]
) -> None:
    async with opened("methods", size) as (app, pilot, screen):
        screen.items.choose(VALUES)
        await until(pilot, lambda: "chance when nothing is told apart" in page_text(screen))
        text = page_text(screen)
        assert "ln(2B - 1)" in text
        if size[0] == 170:
            assert "loss 4.143 4.844 5.541" in text
        else:
            assert "batch_size loss 32 4.143 64 4.844" in text
        assert "with temperature 0.1" in text
        await pilot.press("n", "y")
        assert app.clipboard.startswith("ln(2B - 1)\nbatch_size 32: 4.143, 64: 4.844")
        assert screen.equivalent_command() == "ssl-doctor list --forms --method simclr"


@driven
async def test_a_method_with_values_alone_and_one_with_nothing(library: Library) -> None:
    async with opened("methods") as (_, pilot, screen):
        await pilot.press("s")
        assert screen.shelves.keys_listed == ["simclr", "byol", "w-mse"]
        screen.shelves.choose("byol")
        await pilot.press("enter")
        await until(pilot, lambda: "What the losses of byol log" in page_text(screen))
        assert "document not written yet" in str(screen.query_one("#about", Static).content)
        await pilot.press("s")
        screen.shelves.choose("w-mse")
        await pilot.press("enter")
        await until(pilot, lambda: "no document about this method yet" in page_text(screen))
        assert screen.to_copy() is None


@driven
async def test_the_filter_finds_sections_by_heading_and_text(library: Library) -> None:
    async with opened("methods") as (_, pilot, screen):
        await pilot.press("i", *"softmax")
        assert titles(screen) == ["Formula"]
        await pilot.press(*" nowhere")
        assert "No section holds “softmax nowhere”" in page_text(screen)
        await pilot.press("escape")
        assert len(titles(screen)) == 4


@driven
async def test_a_store_that_cannot_be_read_says_so(library: Library) -> None:
    library.error = StoreError("the store is damaged", where="s.sqlite")
    async with opened("methods") as (app, pilot, screen):
        assert "the store is damaged" in page_text(screen)
        await pilot.press("y")
        assert "damaged" in app.clipboard


@pytest.mark.parametrize(
    ("value", "shown"),
    [(4.14313, "4.143"), (6.93, "6.930"), (19136.2, "19,140"), (8192.0, "8192"),
     (0.0001234, "0.0001234"), (2.5e9, "2.5e+09"), (-1.0, "-1"), (0.0, "0")],
)  # fmt: skip
def test_numbers_have_four_digits_and_no_exponent_where_they_are_readable(
    value: float, shown: str
) -> None:
    assert number(value) == shown
