"""Claims: every state of the Fixes screen looks as it was designed, at every size, each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from fix_driving import LOOK, SLOWER, WRONG, Marks, opened, replace_jobs, small_answer
from textual.pilot import Pilot
from tui_golden import check, golden_form, settle, until_shown
from tui_pilot import driven, until

from assistant.answer import Answer, RankedFix
from kb.errors import StoreError
from tui.app import DoctorApp
from tui.fixes.screen import FixesScreen

SIZES = ((80, 24), (100, 30), (120, 40))
Drive = Callable[[Pilot[None], FixesScreen], Awaitable[None]]

MARKED = small_answer()
NOTHING = small_answer(fits=False, diagnoses=())
HEALTHY = small_answer(verdict="healthy", diagnoses=())


def down_to(fix: RankedFix) -> Drive:
    async def drive(pilot: Pilot[None], screen: FixesScreen) -> None:
        await pilot.press("j")
        await until(pilot, lambda: screen._item is not None and screen._item.fix.id == fix.id)
        await until_shown(pilot, fix.title)

    return drive


def saying(*texts: str) -> Drive:
    async def drive(pilot: Pilot[None], screen: FixesScreen) -> None:
        await pilot.press("j")
        await until_shown(pilot, *texts)

    return drive


async def filtered(pilot: Pilot[None], screen: FixesScreen) -> None:
    await pilot.press("i", "l", "r")
    await until_shown(pilot, "3 filtered out", "A tenth is a good start.")


async def no_match(pilot: Pilot[None], screen: FixesScreen) -> None:
    await pilot.press("i", "z", "z")
    await until_shown(pilot, "No fix holds “zz”")


STATES: dict[str, tuple[Answer | None, Drive]] = {
    "worklist": (small_answer(), down_to(SLOWER)),
    "marked": (MARKED, down_to(WRONG)),
    "filtered": (small_answer(), filtered),
    "no-match": (small_answer(), no_match),
    "first": (None, saying("Nothing to work on yet")),
    "nothing-fits": (NOTHING, saying("Nothing fits well enough")),
    "healthy": (HEALTHY, saying("The run looks healthy")),
    "failed": (small_answer(), saying("could not be read")),
}


@pytest.fixture
def marks(monkeypatch: pytest.MonkeyPatch) -> Marks:
    return replace_jobs(monkeypatch)


async def shown(
    name: str, marks: Marks, look: Callable[[DoctorApp, Pilot[None]], Awaitable[None]], theme: str
) -> None:
    answer, drive = STATES[name]
    if name == "failed":
        marks.error = StoreError("the store is damaged", where="store.sqlite", hint="move it away")
    if name == "marked":
        marks.mark((LOOK.id,), "helped", "")
        marks.mark((SLOWER.id,), "did-not", "runs/7")
    async with opened(answer) as (app, pilot, screen):
        app.theme = theme
        await drive(pilot, screen)
        await settle(pilot)
        await look(app, pilot)


@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed_at_every_size(name: str, marks: Marks) -> None:
    async def look(app: DoctorApp, pilot: Pilot[None]) -> None:
        for columns, lines in SIZES:
            await pilot.resize_terminal(columns, lines)
            await settle(pilot)
            check(app, f"fixes-{name}-{columns}x{lines}")

    await shown(name, marks, look, "doctor-dark")


@pytest.mark.parametrize("theme", ["doctor-light", "ansi-dark"])
@driven
async def test_other_themes_look_as_designed(theme: str, marks: Marks) -> None:
    async def look(app: DoctorApp, _: Pilot[None]) -> None:
        check(app, f"fixes-marked-{theme}")

    await shown("marked", marks, look, theme)


@driven
async def test_without_colour_every_mark_is_still_told_apart(
    marks: Marks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(app: DoctorApp, _: Pilot[None]) -> None:
        check(app, "fixes-marked-no-color")
        form = golden_form(app)
        assert "✓ Measure" in form
        assert "✗ Lower" in form
        assert "Did not help" in form

    await shown("marked", marks, look, "doctor-dark")


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(name: str, marks: Marks) -> None:
    forms: list[str] = []

    async def look(app: DoctorApp, _: Pilot[None]) -> None:
        forms.append(golden_form(app))

    for _ in range(10):
        marks.error = None
        await shown(name, marks, look, "doctor-dark")
    assert len(set(forms)) == 1
