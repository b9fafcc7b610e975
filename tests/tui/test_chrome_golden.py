"""Claims: what lies on top of every screen (palette, help, picker) looks as it was designed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ask_driving import fake_engine, opened
from textual.pilot import Pilot
from tui_golden import check, golden_form, settle, shows, until_shown
from tui_pilot import driven

from tui.app import DoctorApp

engine = fake_engine

SIZES = ((80, 24), (100, 30), (120, 40))
Drive = Callable[[Pilot[None], DoctorApp], Awaitable[None]]


async def palette(pilot: Pilot[None], app: DoctorApp) -> None:
    app.action_command_palette()
    await until_shown(pilot, "a command, or a page by its title", "screen: Show Ask")


async def searched(pilot: Pilot[None], app: DoctorApp) -> None:
    await palette(pilot, app)
    await pilot.press(*"theme")
    await until_shown(pilot, "│ theme", "view: Change theme")


async def help_of_run(pilot: Pilot[None], app: DoctorApp) -> None:
    app.switch_mode("run")
    await until_shown(pilot, "No run found")
    app.action_help()
    await until_shown(pilot, "Keys  (esc closes)", "On this screen")


async def picker(pilot: Pilot[None], app: DoctorApp) -> None:
    app.action_attach_run()
    await until_shown(pilot, "No run found")


STATES: dict[str, Drive] = {
    "palette": palette,
    "palette-searched": searched,
    "help-of-run": help_of_run,
    "picker": picker,
}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without runs, under a name that is the same each time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.run.picker_pane.Path.cwd", lambda: Path("runs"))


async def shown(
    name: str, look: Callable[[DoctorApp], None], size: tuple[int, int] = (80, 24), theme: str = ""
) -> None:
    async with opened(size) as (app, pilot):
        if theme:
            app.theme = theme
        await STATES[name](pilot, app)
        await settle(pilot)
        look(app)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", SIZES, ids=lambda one: f"{one[0]}x{one[1]}")
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed(name: str, size: tuple[int, int]) -> None:
    await shown(name, lambda app: check(app, f"chrome-{name}-{size[0]}x{size[1]}"), size)


@pytest.mark.usefixtures("engine")
@driven
async def test_the_light_theme_looks_as_designed() -> None:
    look = lambda app: check(app, "chrome-palette-searched-doctor-light")  # noqa: E731
    await shown("palette-searched", look, theme="doctor-light")


@pytest.mark.usefixtures("engine")
@driven
async def test_without_colour_the_chosen_command_is_still_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(app: DoctorApp) -> None:
        check(app, "chrome-palette-searched-no-color")
        assert shows(app, "view: Change theme")

    await shown("palette-searched", look)


@pytest.mark.usefixtures("engine")
@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(name: str) -> None:
    forms: list[str] = []
    for _ in range(10):
        await shown(name, lambda app: forms.append(golden_form(app)))
    assert len(set(forms)) == 1
