"""Pictures of the Ask screen: each of its states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.shots.scene import Scene, ask, until

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.app import DoctorApp


async def _first(pilot: Pilot[Any], _app: DoctorApp) -> None:
    await pilot.pause()


async def _answered(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck at 4.14")


async def _fix(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck at 4.14")
    await pilot.press("enter", "n", "n")


async def _numbers(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck")
    app.use_numbers({"loss": 4.143, "batch_size": 32, "z_std": 1e-4})
    await until(pilot, lambda: bool(app.session.moved))


async def _nothing(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "how do I cook rice")


async def _documents(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "vicreg covariance term formula")


async def _help(pilot: Pilot[Any], _app: DoctorApp) -> None:
    await pilot.press("escape", "question_mark")


async def _palette(pilot: Pilot[Any], _app: DoctorApp) -> None:
    await pilot.press("escape", "colon")
    await pilot.pause(0.3)


async def _jump(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck at 4.14")
    await pilot.press("escape", "f")


async def _export(pilot: Pilot[Any], app: DoctorApp) -> None:
    await ask(pilot, app, "loss stuck at 4.14")
    await pilot.press("escape", "e")


SCENES = (
    Scene("ask-first", _first),
    Scene("ask-answered", _answered),
    Scene("ask-fix", _fix),
    Scene("ask-numbers", _numbers),
    Scene("ask-nothing-fits", _nothing),
    Scene("ask-documents", _documents),
    Scene("ask-light", _answered, theme="doctor-light"),
    Scene("ask-ansi", _answered, theme="ansi-dark"),
    Scene("help", _help),
    Scene("palette", _palette),
    Scene("jump", _jump),
    Scene("export", _export),
)
