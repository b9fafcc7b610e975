"""Claims: every action that works everywhere does what its row says, on every way in and out."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from ask_driving import Engine, ask, box, entry, fake_engine, opened, results
from textual.color import Color
from textual.widgets import Input
from tui_pilot import driven, until

from tui.app import DoctorApp
from tui.export_dialog import ExportDialog
from tui.help import HelpScreen
from tui.jump import JumpScreen
from tui.numbers.screen import NumbersScreen
from tui.palette import DoctorPalette
from tui.run.picker import PickerScreen
from tui.screen import DoctorScreen
from tui.themes import ORDER, muted

engine = fake_engine


@pytest.mark.parametrize(
    ("key", "place"), list(enumerate(["ask", "run", "fixes", "browse", "methods", "compare"], 1))
)
@driven
async def test_a_number_shows_its_screen(key: int, place: str, engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", str(key))
        await until(
            pilot, lambda: isinstance(app.screen, DoctorScreen) and app.screen.place == place
        )


@driven
async def test_help_opens_and_closes(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, DoctorScreen)


@driven
async def test_the_palette_finds_commands_and_pages_and_runs_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[str] = []
    async with opened() as (app, pilot):
        monkeypatch.setattr(app, "open_entry", wanted.append)
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "colon")
        assert isinstance(app.screen, DoctorPalette)
        app.screen.query_one(Input).value = "copy: Copy the command"
        await pilot.pause(0.5)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.clipboard.startswith("ssl-doctor ask"))
        await pilot.press("colon")
        app.screen.query_one(Input).value = "contrastive/chance-level-loss"
        await pilot.pause(0.5)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: wanted == ["contrastive/chance-level-loss"])


@driven
async def test_a_letter_jumps_to_its_pane(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "f")
        assert isinstance(app.screen, JumpScreen)
        await pilot.press("d")
        await until(pilot, lambda: app.focused is entry(app))
        await pilot.press("f", "x")
        assert app.focused is entry(app)


@driven
async def test_themes_go_round_and_a_pane_takes_the_screen(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape")
        seen = []
        for _ in ORDER:
            await pilot.press("t")
            seen.append(app.theme)
        assert sorted(seen) == sorted(ORDER)
        await pilot.press("t")
        assert "kept for the next start" in " ".join(one.message for one in app._notifications)
    async with opened() as (again, _):
        assert again.theme == app.theme != DoctorApp().theme
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape")
        await pilot.press("z")
        assert app.screen.maximized is results(app)
        await pilot.press("z")
        assert app.screen.maximized is None


@driven
async def test_letters_move_like_arrow_keys(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "j")
        assert results(app).highlighted == 1
        await pilot.press("k")
        assert results(app).highlighted == 0
        await pilot.press("G")
        assert results(app).highlighted == 2
        await pilot.press("g", "l")
        assert results(app).highlighted == 0
        assert app.focused is entry(app)
        await pilot.press("G")
        await until(pilot, lambda: entry(app).scroll_y > 0)
        await pilot.press("h")
        assert getattr(app.focused, "id", "") == "results"


@driven
async def test_a_run_can_be_picked_and_numbers_typed(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "a")
        assert isinstance(app.screen, PickerScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await pilot.press("p")
        assert isinstance(app.screen, NumbersScreen)


@driven
async def test_a_key_that_does_not_apply_does_nothing(engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press("escape", "e", "y", "d", "o", "r")
        assert not isinstance(app.screen, ExportDialog)
        assert app.clipboard == ""


@pytest.mark.parametrize("keys", [("escape", "q"), ("ctrl+q",), ("ctrl+c",)])
@driven
async def test_every_usual_way_out_leaves(keys: tuple[str, ...], engine: Engine) -> None:
    async with opened() as (app, pilot):
        await pilot.press(*keys)
        await asyncio.sleep(0.05)
        assert app._exit
        assert app.return_code == 0


@driven
async def test_an_asked_for_end_leaves_with_its_code(engine: Engine) -> None:
    async with opened() as (app, _):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)
        assert app._exit
        assert app.return_code == 128 + signal.SIGTERM


@driven
async def test_the_users_theme_and_keys_are_taken_and_problems_told(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ssl-doctor"
    folder.mkdir()
    (folder / "tui.yaml").write_text(
        "theme: doctor-light\nkeys:\n  ask.next_item: v\n  app.copy: a\n", encoding="utf-8"
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with opened() as (app, pilot):
        assert app.theme == "doctor-light"
        await ask(pilot, app, "loss stuck at 4.14")
        await pilot.press("escape", "v", "v", "y")
        assert app.clipboard.startswith("lr: 0.03")
        told = " ".join(notice.message for notice in app._notifications)
        assert "a is wanted by app.copy and by app.attach" in told


@driven
async def test_leaving_waits_for_nobody(engine: Engine) -> None:
    async with opened() as (app, pilot):
        engine.gate.clear()
        box(app).value = "loss stuck"
        await until(pilot, lambda: bool(engine.asked))
        assert app.consultation.close()
        engine.gate.set()


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of WCAG 2: from 1 to 21."""
    lights = sorted(_luminance(colour) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ORDER)
def test_muted_text_is_readable_in_every_theme(theme: str) -> None:
    app = DoctorApp()
    app.theme = theme
    variables = app.get_css_variables()
    if variables["foreground"].startswith("ansi"):
        assert muted(variables) == "ansi_bright_black"
        return
    assert contrast(Color.parse(variables["background"]), Color.parse(muted(variables))) >= 4
