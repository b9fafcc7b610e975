"""Claims: every state of Browse and Methods looks as it was designed, at every size, each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from shelf_driving import ITEMS, Library, opened, page_text, replace_jobs
from textual.pilot import Pilot
from textual.widgets import Input
from tui_golden import check, golden_form, settle, until_shown
from tui_pilot import driven, until

from kb.errors import StoreError
from tui.app import DoctorApp
from tui.browse.ingest_dialog import IngestDialog
from tui.browse.methods import VALUES
from tui.browse.remove_dialog import RemoveDialog

SIZES = ((80, 24), (100, 30), (120, 40))
Drive = Callable[[Pilot[None], Any, Library], Awaitable[None]]


HELD = ("browse-going-in",)
"""States in which a worker is kept inside its job."""


async def paged(pilot: Pilot[None], screen: Any, text: str) -> None:
    """Wait until the page holds a text, in full or scrolled out of view."""
    await until(pilot, lambda: text in page_text(screen))


async def as_it_is(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await paged(pilot, screen, "part 1 of 4")


async def failed(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await paged(pilot, screen, "could not be read")


async def entry(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    screen.items.choose(screen._key_of("loss/stuck"))
    await paged(pilot, screen, "Suggested")
    await pilot.press("n")
    await paged(pilot, screen, "▌1. Look")
    await until_shown(pilot, "n Next part")


async def shelves(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    await pilot.press("v", "s")
    await until_shown(pilot, "by status  ·", "not written ")
    await until(pilot, lambda: bool(screen.shelves.has_focus))
    await as_it_is(pilot, screen, library)


async def filtered(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    await pilot.press("i", *"byol")
    await until(pilot, lambda: screen.asked == "byol")
    await paged(pilot, screen, 'nothing is called "optim/fast"')


async def no_match(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await until(pilot, lambda: len(page_text(screen)) > 10)
    await pilot.press("i", "z", "z")
    await paged(pilot, screen, "holds “zz”")


async def topic(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    screen.items.choose(screen._key_of("loss/rises"))
    await paged(pilot, screen, "Written in loss")


async def no_notes(pilot: Pilot[None], screen: Any, library: Library) -> None:
    screen.choose_shelf("yours")
    await paged(pilot, screen, "Nothing of yours yet")


async def path(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    await pilot.press("plus")
    await until(pilot, lambda: isinstance(screen.app.screen, IngestDialog))
    await until_shown(pilot, "Add notes of yours", "complete the path")


async def going_in(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await path(pilot, screen, library)
    library.gate.clear()
    screen.app.screen.query_one(Input).value = "/n"
    await pilot.press("enter")
    await until_shown(pilot, "0 of 10 kB", "loading the encoder")


async def stopped(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await going_in(pilot, screen, library)
    await pilot.press("escape")
    library.gate.set()
    await until_shown(pilot, "Stopped  (", "What was read until then")


async def report(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await path(pilot, screen, library)
    screen.app.screen.query_one(Input).value = "/n"
    await pilot.press("enter")
    await until_shown(pilot, "✓ Added", "1 added, 1 refused")


async def refused(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await path(pilot, screen, library)
    screen.app.screen.query_one(Input).value = "/missing"
    await pilot.press("enter")
    await until_shown(pilot, "✗ Not added", "no such file")


async def removing(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await as_it_is(pilot, screen, library)
    await pilot.press("j")
    await paged(pilot, screen, "Mine")
    await pilot.press("R")
    await until(pilot, lambda: isinstance(screen.app.screen, RemoveDialog))
    await until_shown(pilot, "Remove this document", "enter remove")


async def section(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await until(pilot, lambda: len(screen.items.keys_listed) > 3 and bool(page_text(screen)))
    await pilot.press("n", "n")
    await paged(pilot, screen, "32 4.143")
    await until_shown(pilot, "n Next part")


async def values(pilot: Pilot[None], screen: Any, library: Library) -> None:
    await until(pilot, lambda: VALUES in screen.items.keys_listed)
    screen.items.choose(VALUES)
    await paged(pilot, screen, "ln(2B")
    await until_shown(pilot, "n Next part")


async def absent(pilot: Pilot[None], screen: Any, library: Library) -> None:
    screen.choose_shelf("w-mse")
    await paged(pilot, screen, "no document")


STATES: dict[str, Drive] = {
    "browse-all": as_it_is,
    "browse-entry": entry,
    "browse-shelves": shelves,
    "browse-filtered": filtered,
    "browse-no-match": no_match,
    "browse-topic": topic,
    "browse-no-notes": no_notes,
    "browse-failed": failed,
    "browse-add": path,
    "browse-going-in": going_in,
    "browse-stopped": stopped,
    "browse-report": report,
    "browse-refused": refused,
    "browse-remove": removing,
    "methods-section": section,
    "methods-values": values,
    "methods-absent": absent,
    "methods-no-match": no_match,
}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    return replace_jobs(monkeypatch)


async def shown(
    name: str, library: Library, look: Callable[[DoctorApp, Pilot[None]], Awaitable[None]]
) -> None:
    library.gate.set()
    library.items = ITEMS[3:] if name == "browse-no-notes" else ITEMS
    if name == "browse-failed":
        library.error = StoreError("the store is damaged", where="store.sqlite", hint="move it")
    async with opened(name.partition("-")[0]) as (app, pilot, screen):
        await STATES[name](pilot, screen, library)
        await settle(pilot, held=name in HELD)
        await look(app, pilot)
        library.gate.set()


@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed_at_every_size(name: str, library: Library) -> None:
    async def look(app: DoctorApp, pilot: Pilot[None]) -> None:
        for columns, lines in SIZES:
            await pilot.resize_terminal(columns, lines)
            await settle(pilot, held=name in HELD)
            check(app, f"{name}-{columns}x{lines}")

    await shown(name, library, look)


@pytest.mark.parametrize("theme", ["doctor-light", "ansi-dark"])
@driven
async def test_other_themes_look_as_designed(theme: str, library: Library) -> None:
    async def look(app: DoctorApp, pilot: Pilot[None]) -> None:
        app.theme = theme
        await settle(pilot)
        check(app, f"browse-entry-{theme}")

    await shown("browse-entry", library, look)


@driven
async def test_without_colour_the_users_own_are_still_told_apart(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(app: DoctorApp, _: Pilot[None]) -> None:
        check(app, "browse-all-no-color")
        assert "▌ yours" in golden_form(app)

    await shown("browse-all", library, look)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(name: str, library: Library) -> None:
    forms: list[str] = []

    async def look(app: DoctorApp, _: Pilot[None]) -> None:
        forms.append(golden_form(app))

    for _ in range(10):
        library.error = None
        await shown(name, library, look)
    assert len(set(forms)) == 1
