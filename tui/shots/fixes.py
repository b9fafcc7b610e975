"""Pictures of the Fixes screen: each of its states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.shots.scene import Scene, ask, until

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DoctorApp


async def _open(pilot: Pilot[Any], app: DoctorApp) -> None:
    from tui.fixes.screen import FixesScreen

    await pilot.press("escape", "3")
    await until(
        pilot,
        lambda: isinstance(app.screen, FixesScreen) and app.screen.is_read,
    )


async def _nothing_yet(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _open(pilot, app)


async def _worklist(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck at 4.14")
    await _open(pilot, app)


async def _filter(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _worklist(pilot, app)
    await pilot.press("i", *"gradient code")


async def _no_match(pilot: Pilot[Any], app: DoctorApp) -> None:
    await _worklist(pilot, app)
    await pilot.press("i", *"sourdough")


async def _nothing_fits(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "how do I cook rice")
    await _open(pilot, app)


SCENES = (
    Scene("fixes-first", _nothing_yet),
    Scene("fixes-worklist", _worklist),
    Scene("fixes-filter", _filter),
    Scene("fixes-no-match", _no_match),
    Scene("fixes-nothing-fits", _nothing_fits),
    Scene("fixes-light", _worklist, theme="doctor-light"),
    Scene("fixes-ansi", _worklist, theme="ansi-dark"),
)
