"""Claims: every action of Browse does what its row says, by key; the user's own notes are marked;
notes go in with progress, can be stopped, and come out again after a question.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from shelf_driving import (
    ITEMS,
    MINE,
    Library,
    listed,
    opened,
    page_text,
    replace_jobs,
)
from textual.widgets import Input, Static
from tui_pilot import driven, until

from assistant.shelf import ShelfItem
from kb.errors import StoreError
from tui.app import DoctorApp
from tui.browse.ingest_dialog import IngestDialog
from tui.browse.remove_dialog import RemoveDialog
from tui.browse.screen import BrowseScreen
from tui.widgets.page import Page


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return replace_jobs(monkeypatch)


def about(screen: BrowseScreen) -> str:
    return str(screen.query_one("#about", Static).content)


@driven
async def test_everything_is_listed_by_family_the_users_first_and_what_is_not_written(
    library: Library,
) -> None:
    async with opened("browse") as (_, _, screen):
        assert listed(screen) == [item.id for item in (*ITEMS[:4], ITEMS[5], ITEMS[4])]
        assert "2 entries" in about(screen)
        assert "2 notes of yours" in about(screen)
        assert "1 not written yet" in about(screen)


@driven
async def test_the_grouping_goes_from_family_to_status_to_method_and_keeps_the_item(
    library: Library,
) -> None:
    async with opened("browse") as (_, pilot, screen):
        screen.items.choose(screen._key_of("optim/fast"))
        await pilot.press("v")
        assert [group.heading.partition(" (")[0] for group in screen.items._groups] == [
            "yours", "cured", "documented", "not written",
        ]  # fmt: skip
        assert screen.item.id == "optim/fast"
        await pilot.press("v")
        headings = [group.heading.partition(" (")[0] for group in screen.items._groups]
        assert headings == ["byol", "simclr", "any"]
        assert listed(screen).count("optim/fast") == 2
        await pilot.press("v")
        assert screen._by == "family"


@driven
async def test_a_shelf_lists_its_own_and_s_goes_there_and_back(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        await pilot.press("s")
        assert screen.shelves.has_focus
        assert not screen.items.display
        screen.shelves.choose("loss")
        await pilot.press("enter")
        assert screen.items.has_focus
        assert listed(screen) == ["loss/stuck", "loss/rises"]
        await pilot.press("s", "s")
        assert screen.items.has_focus


@driven
async def test_escape_leads_from_page_and_shelves_to_the_list_also_where_one_pane_fits(
    library: Library,
) -> None:
    async with opened("browse", (60, 24)) as (app, pilot, screen):
        assert not screen.page.display
        await pilot.press("enter")
        assert screen.page.has_focus
        assert not screen.items.display
        await pilot.press("escape")
        assert screen.items.has_focus
        assert not screen.page.display
        await pilot.press("s")
        assert screen.shelves.has_focus
        await pilot.press("escape")
        assert screen.items.has_focus
        await pilot.press("i", *"byol", "enter", "escape")
        assert len(listed(screen)) == 6
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "ask")


@driven
async def test_all_three_panes_stand_side_by_side_where_there_is_room(library: Library) -> None:
    async with opened("browse", (120, 40)) as (_, pilot, screen):
        assert screen.shelves.display
        assert screen.items.display
        assert screen.page.display
        await pilot.press("s", "G")
        await until(pilot, lambda: listed(screen) == ["optim/fast"])  # at once, without enter


@driven
async def test_the_filter_narrows_while_it_is_typed_and_knows_fields(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        await pilot.press("i", *"loss move")
        assert listed(screen) == ["loss/stuck"]
        await pilot.press("escape", "i", *"method:byol")
        assert listed(screen) == ["optim/fast"]
        await pilot.press("escape", "i", *"status:cu")
        assert listed(screen) == ["optim/fast"]
        await pilot.press(*" nowhere")
        assert "Nothing here holds “status:cu nowhere”" in page_text(screen)
        await pilot.press("escape")
        assert len(listed(screen)) == 6


@driven
async def test_the_page_of_an_entry_steps_through_fixes_and_references_and_copies_them(
    library: Library,
) -> None:
    async with opened("browse") as (app, pilot, screen):
        screen.items.choose(screen._key_of("loss/stuck"))
        await until(pilot, lambda: "Suggested next steps" in page_text(screen))
        assert "● documented" in page_text(screen)
        await pilot.press("y")
        assert app.clipboard == "loss/stuck"
        await pilot.press("n", "y")
        assert app.clipboard == "spread = z.std(dim=0)"
        assert screen.page.chosen_item.name == "loss/stuck#look"
        await pilot.press("n", "n")
        assert screen.page.chosen_item.copied == "https://arxiv.org/abs/2002.05709"
        await pilot.press("N")
        assert screen.page.chosen_item.name == "loss/stuck#lower"


@driven
async def test_a_reference_is_opened_or_its_address_copied(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(DoctorApp, "open_url", lambda _, url, **__: gone.append(url))
    async with opened("browse") as (app, pilot, screen):
        screen.items.choose(screen._key_of("loss/stuck"))
        await until(pilot, lambda: bool(screen.page.items))
        monkeypatch.setattr("tui.browse.screen.has_browser", lambda: False)
        await pilot.press("o")
        assert app.clipboard == "https://arxiv.org/abs/2002.05709"
        monkeypatch.setattr("tui.browse.screen.has_browser", lambda: True)
        await pilot.press("o")
        assert gone == ["https://arxiv.org/abs/2002.05709"]


@driven
async def test_the_users_own_notes_say_so_in_list_and_page(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        screen.items.choose(screen._key_of("list/slow"))
        await until(pilot, lambda: "words" in page_text(screen))
        assert "▌ yours · /notes/list.md" in page_text(screen)
        screen.items.choose(screen._key_of("loss/stuck"))
        await until(pilot, lambda: "Symptoms" in page_text(screen))
        assert "yours" not in page_text(screen)


@driven
async def test_a_long_document_is_shown_part_by_part(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        await until(pilot, lambda: "It was the loader" in page_text(screen))
        assert "part 1 of" in page_text(screen)
        assert "day 4" not in page_text(screen)
        await pilot.press("N")
        assert "Words of day 4" in page_text(screen)
        await pilot.press("n")
        assert "part 1 of" in page_text(screen)


@driven
async def test_a_topic_without_a_page_says_so_and_names_what_is_written(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        screen.items.choose(screen._key_of("loss/rises"))
        await until(pilot, lambda: "not written yet" in page_text(screen))
        assert "The loss does not move" in page_text(screen)
        assert screen.equivalent_command() == "ssl-doctor list --family loss --topics"


@driven
async def test_brackets_go_through_the_list_without_leaving_the_page(library: Library) -> None:
    async with opened("browse") as (_, pilot, screen):
        await pilot.press("enter", "right_square_bracket")
        assert screen.page.has_focus
        assert screen.item.id == ITEMS[1].id
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert screen.item.id == "optim/fast"


@driven
async def test_an_entry_that_another_screen_opens_is_shown(library: Library) -> None:
    async with opened("browse") as (app, pilot, screen):
        await pilot.press("i", *"byol", "enter", "1")
        app.open_entry("loss/stuck")
        await until(pilot, lambda: screen.is_current and screen.item.id == "loss/stuck")
        await until(pilot, lambda: "Symptoms" in page_text(screen))
        assert screen.equivalent_command() == "ssl-doctor explain loss/stuck"


@driven
async def test_an_entry_opened_before_browse_was_ever_shown_is_shown(library: Library) -> None:
    app = DoctorApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_entry("optim/fast")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, BrowseScreen)
        await until(pilot, lambda: screen.item is not None and screen.item.id == "optim/fast")


@driven
async def test_an_empty_shelf_of_notes_says_how_to_fill_it(library: Library) -> None:
    library.items = ITEMS[3:]
    async with opened("browse") as (_, pilot, screen):
        await pilot.press("s")
        screen.shelves.choose("yours")
        await pilot.press("enter")
        assert "Nothing of yours yet" in page_text(screen)
        assert "add a file, a folder or a whole vault" in page_text(screen)


@driven
async def test_a_store_that_cannot_be_read_says_so(library: Library) -> None:
    library.error = StoreError("the store is damaged", where="s.sqlite")
    async with opened("browse") as (app, pilot, screen):
        assert "s.sqlite: the store is damaged" in page_text(screen)
        await pilot.press("y")
        assert "damaged" in app.clipboard


# Notes of the user's


async def dialog(app: DoctorApp, pilot: object) -> IngestDialog:
    screen = app.screen
    assert isinstance(screen, IngestDialog)
    return screen


def said(box: IngestDialog) -> str:
    title = box.query_one("#ingest-title", Static).content
    page = box.query_one("#ingest-page", Page)._text.content
    return " ".join(f"{title} {page}".split())


@driven
async def test_a_folder_is_added_with_its_report_and_list_and_answer_are_read_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(DoctorApp, "ask", lambda _, text: asked.append(text))
    async with opened("browse") as (app, pilot, screen):
        app.session.query = "loss stuck"
        await pilot.press("plus")
        box = await dialog(app, pilot)
        assert "Obsidian" in said(box)
        box.query_one(Input).value = "/n"
        await pilot.press("enter")
        await until(pilot, lambda: "1 added, 1 refused" in said(box))
        assert library.ingested == [Path("/n")]
        assert "bad.md failed" in said(box)
        assert "save it as UTF-8" in said(box)
        assert "line 7: “B too small” does not hold. It is not." in said(box)
        library.items = (replace(MINE, id="user:/n/a.md", document="user:/n/a.md"), *ITEMS)
        await pilot.press("escape")
        await until(pilot, lambda: "user:/n/a.md" in listed(screen))
        assert screen.shelf == "yours"
        assert "0 entries" in about(screen)
        assert "3 notes of yours" in about(screen)
        assert asked == ["loss stuck"]


@driven
async def test_an_ingest_shows_progress_and_stops_when_asked(library: Library) -> None:
    async with opened("browse") as (app, pilot, _):
        await pilot.press("plus")
        box = await dialog(app, pilot)
        library.gate.clear()
        box.query_one(Input).value = "/n"
        await pilot.press("enter")
        progress = box.query_one("#ingest-progress", Static)
        await until(pilot, lambda: "0%" in str(progress.content))
        assert "0 of 10 kB" in str(progress.content)
        await pilot.press("escape")
        assert "Stopping" in said(box)
        library.gate.set()
        await until(pilot, lambda: "Stopped" in said(box))
        assert "goes on from there" in said(box)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not box)


@driven
async def test_a_path_that_holds_nothing_is_refused_and_can_be_mended(library: Library) -> None:
    async with opened("browse") as (app, pilot, _):
        await pilot.press("plus")
        box = await dialog(app, pilot)
        box.query_one(Input).value = "/missing"
        await pilot.press("enter")
        await until(pilot, lambda: "✗ Not added" in said(box))
        assert "no such file" in said(box)
        assert box.query_one(Input).has_focus
        box.query_one(Input).value = "/n"
        await pilot.press("enter")
        await until(pilot, lambda: "✓ Added" in said(box))


@driven
async def test_tab_completes_the_path(library: Library, tmp_path: Path) -> None:
    (tmp_path / "notes-a").mkdir()
    (tmp_path / "notes-b.md").touch()
    (tmp_path / "notes.txt").touch()
    async with opened("browse") as (app, pilot, _):
        await pilot.press("plus")
        box = await dialog(app, pilot)
        box.query_one(Input).value = f"{tmp_path}/no"
        await until(pilot, lambda: "notes-b.md" in said(box))
        assert "notes.txt" not in said(box)
        await pilot.press("tab")
        assert box.query_one(Input).value == f"{tmp_path}/notes-"
        await pilot.press("a")
        await until(pilot, lambda: "notes-b.md" not in said(box))
        await pilot.press("tab")
        assert box.query_one(Input).value == f"{tmp_path}/notes-a/"


@driven
async def test_a_document_of_the_user_is_removed_after_a_question(library: Library) -> None:
    async with opened("browse") as (app, pilot, screen):
        screen.items.choose(screen._key_of("list/slow"))
        await pilot.press("R")
        assert isinstance(app.screen, RemoveDialog)
        shown = " ".join(str(one.content) for one in app.screen.query(Static))
        assert "/notes/list.md" in shown
        assert "nor its 1 entry" in shown
        await pilot.press("escape")
        assert library.removed == []
        await pilot.press("R", "enter")
        await until(pilot, lambda: "list/slow" not in listed(screen))
        assert library.removed == ["user:/notes/list.md"]


@driven
async def test_what_ships_cannot_be_removed(library: Library) -> None:
    async with opened("browse") as (app, pilot, screen):
        screen.items.choose(screen._key_of("loss/stuck"))
        await pilot.press("R")
        assert app.screen is screen


HOSTILE = "[@click=app.quit]x[/] \x1b[2J\u202e\u200b" + "y" * 100_000


@driven
async def test_hostile_notes_are_shown_as_text_and_stall_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tui.browse import jobs

    bad = ShelfItem(HOSTILE, "document", HOSTILE, "yours", "yours", (HOSTILE,), "user", HOSTILE)
    page = library.page("user:/notes/mine.md")
    text = f"# {HOSTILE}\n\n| {HOSTILE} |\n|---|\n| `{HOSTILE}` |\n\n- {HOSTILE}\n\n```\n{HOSTILE}"
    evil = replace(page, title=HOSTILE, markdown=text, source=HOSTILE)
    monkeypatch.setattr(jobs, "page", lambda _: evil)
    library.items = (bad,)
    async with opened("browse") as (app, pilot, screen):
        await until(pilot, lambda: "[@click=app.quit]x[/]" in page_text(screen))
        assert not {"\x1b", "\u202e", "\u200b"} & set(page_text(screen))
        await pilot.click("#list", offset=(6, 1))
        await pilot.click("#page", offset=(6, 1))
        assert app.is_running
