"""Pictures of Browse and Methods: lists, pages, shelves, values, and notes from inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.shots.scene import Scene, until

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DoctorApp
    from tui.browse.shelves import ShelvesScreen


async def _open(pilot: Pilot[Any], app: DoctorApp, key: str) -> ShelvesScreen:
    from tui.browse.shelves import ShelvesScreen

    await pilot.press("escape", key)
    await until(
        pilot,
        lambda: isinstance(app.screen, ShelvesScreen) and bool(app.screen.shown_text),
    )
    assert isinstance(app.screen, ShelvesScreen)
    return app.screen


async def _browse(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app, "4")


async def _entry(pilot: Pilot[Any], app: DoctorApp) -> None:
    screen = await _open(pilot, app, "4")
    app.open_entry("contrastive/chance-level-loss")
    await until(pilot, lambda: bool(screen.page.items))
    await pilot.press("l", "n")


async def _shelves(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app, "4")
    await pilot.press("v", "s")


async def _no_match(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app, "4")
    await pilot.press("i", *"sourdough")


async def _notes(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app, "4")
    await pilot.press("plus")


async def _method(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app, "5")
    await pilot.press("n", "n", "n")


async def _values(pilot: Pilot[Any], app: DoctorApp) -> None:
    screen = await _open(pilot, app, "5")
    screen.choose_shelf("simclr")
    await until(pilot, lambda: "simclr" in screen.shown_text)


async def _absent(pilot: Pilot[Any], app: DoctorApp) -> None:
    from tui.browse.jobs import all_methods

    screen = await _open(pilot, app, "5")
    absent = next(one for one in all_methods() if not one.document and not one.has_values)
    screen.choose_shelf(absent.name)
    await until(pilot, lambda: "no document" in screen.shown_text)


SCENES = (
    Scene("browse", _browse),
    Scene("browse-entry", _entry),
    Scene("browse-shelves", _shelves),
    Scene("browse-no-match", _no_match),
    Scene("browse-notes", _notes),
    Scene("browse-light", _entry, theme="doctor-light"),
    Scene("methods-section", _method),
    Scene("methods-values", _values),
    Scene("methods-not-written", _absent),
)
