"""Claims: every state of the Run screen looks as it was designed, at every size, each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_driving import opened, quiet_app, small_answer, small_run
from tui_golden import check, golden_form, settle, shows, until_shown
from tui_pilot import driven, until

from ingest.runs.follow import Life
from kb.errors import InputUnreadable
from tui.app import DoctorApp

SIZES = ((80, 24), (100, 30), (120, 40))
LIVE = Life("live", 3.0)
_UNREAD = InputUnreadable("no metric values", where="runs/exp7", hint="it may have just begun")
STATES: dict[str, tuple[Any, ...]] = {
    "live": (small_run(), small_answer(), LIVE),
    "healthy": (small_run(), small_answer("healthy"), Life("finished", 30.0)),
    "silent": (small_run(), small_answer("undecided"), Life("silent", 720.0)),
    "nan": (small_run(nan_from=300), small_answer(), Life("crashed", 30.0)),
    "waiting": (None, None, Life("waiting", 4.0), _UNREAD),
    "unreadable": (None, None, None, _UNREAD),
}
SHOWN = {
    "live": ("● live", "✗ sick", "Measure next"),
    "healthy": ("✓ finished", "✓ healthy", "Measure next"),
    "silent": ("○ silent", "○ undecided", "Measure next"),
    "nan": ("✗ crashed", "✗ sick", "Measure next"),
    "waiting": ("○ waiting 4 s", "What went wrong"),
    "unreadable": ("✗ not read", "What went wrong"),
}


async def _shown(name: str, size: tuple[int, int], look: Any, theme: str | None = None) -> None:
    run, answer, life, *error = STATES[name]
    more = {"run_error": error[0]} if error else {}
    async with opened(run, answer, life, size, **more) as (app, pilot, screen):
        if theme is not None:
            app.theme = theme
        await until(pilot, lambda: screen._shown is run and shows(app, *SHOWN[name]))
        await settle(pilot)
        if name == "live":
            await pilot.press("left", "left_square_bracket")
            await until(pilot, lambda: shows(app, "at step") and not shows(app, "at step 399"))
        await settle(pilot)
        look(app)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed(name: str, size: tuple[int, int]) -> None:
    await _shown(name, size, lambda app: check(app, f"run-{name}-{size[0]}x{size[1]}"))


@driven
async def test_no_run_looks_as_designed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.run.picker_pane.Path.cwd", lambda: Path("runs"))
    async with quiet_app() as (app, pilot):
        await until_shown(pilot, "No run found")
        await settle(pilot)
        check(app, "run-none-80x24")


@pytest.mark.parametrize("theme", ["doctor-light", "ansi-dark"])
@driven
async def test_another_theme_looks_as_designed(theme: str) -> None:
    await _shown("live", (80, 24), lambda app: check(app, f"run-live-{theme}"), theme)


@driven
async def test_without_colour_everything_is_still_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(app: DoctorApp) -> None:
        check(app, "run-nan-no-color")
        shown = golden_form(app)
        assert "✗ crashed" in shown
        assert "✗ sick" in shown
        assert "✗✗✗" in shown
        assert "╌╌" in shown

    await _shown("nan", (80, 24), look)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(name: str) -> None:
    forms: list[str] = []
    for _ in range(10):
        await _shown(name, (80, 24), lambda app: forms.append(golden_form(app)))
    assert len(set(forms)) == 1
