"""Claims: every state of the Ask screen looks as it was designed, at every size, each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ask_driving import NUMBERS, Engine, ask, box, fake_engine, opened
from textual.pilot import Pilot
from tui_golden import check, golden_form, settle, until_shown
from tui_pilot import driven, until

from kb.errors import InputUnreadable
from tui.app import DoctorApp
from tui.jump import JumpScreen

engine = fake_engine


SIZES = ((80, 24), (100, 30), (120, 40))
Drive = Callable[[Pilot[None], DoctorApp, Engine], Awaitable[None]]


HELD = ("stale", "waiting")
"""States in which the engine is kept inside a question."""


async def first(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await until_shown(pilot, "Or let the run speak")


async def answered(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await ask(pilot, app, "loss stuck at 4.14")
    await until_shown(pilot, "3 causes", "62% likely", "spread = z.std")


async def stale(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await answered(pilot, app, engine)
    engine.gate.clear()
    await pilot.press("x", "y")
    await until(pilot, lambda: app.session.asking and app.session.query.endswith("xy"))
    await until_shown(pilot, "answering …", "62% likely")


async def waiting(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    engine.gate.clear()
    await pilot.press(*"loss")
    await until(pilot, lambda: app.session.asking and app.session.query == "loss")
    await until_shown(pilot, "answering …")


async def fix_chosen(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await answered(pilot, app, engine)
    await pilot.press("enter", "n", "n")
    await until_shown(pilot, "▌2. Lower the learning rate", "n Next fix")


async def reranked(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await answered(pilot, app, engine)
    app.use_numbers(NUMBERS)
    await until_shown(pilot, "✗ run sick", "↑ 3 to 1: ", "↑ 3 to 1 with the run", "numbers typed")


async def run_alone(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    app.use_numbers(NUMBERS)
    await until_shown(pilot, "from the run's numbers alone", "90% likely", "numbers typed")


async def nothing_fits(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await ask(pilot, app, "how do I cook rice")
    await until_shown(pilot, "nothing fits well enough", "What helps to tell")


async def from_documents(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await ask(pilot, app, "vicreg formula")
    await until_shown(pilot, "passages of the documents", "this section in its document")


async def failed(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    engine.error = InputUnreadable("the store is damaged", where="store.sqlite", hint="remove it")
    await ask(pilot, app, "loss stuck")
    await until_shown(pilot, "✗ no answer", "Ways out")


async def too_short(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await pilot.press("l", "o")
    await until(pilot, lambda: box(app).value == "lo")
    await until_shown(pilot, "› lo", "A few more letters")


async def helped(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await first(pilot, app, engine)
    await pilot.press("escape", "question_mark")
    await until_shown(pilot, "Keys  (esc closes)", "On this screen")


async def saving(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await answered(pilot, app, engine)
    await pilot.press("escape", "e")
    await until_shown(pilot, "Save the answer", "Markdown, for notes")  # a long path may be cut


async def jumping(pilot: Pilot[None], app: DoctorApp, engine: Engine) -> None:
    await answered(pilot, app, engine)
    await pilot.press("escape", "f")
    await until(pilot, lambda: isinstance(app.screen, JumpScreen))
    await until_shown(pilot, " d ")


STATES: dict[str, Drive] = {
    "first": first,
    "answered": answered,
    "stale": stale,
    "waiting": waiting,
    "fix-chosen": fix_chosen,
    "reranked": reranked,
    "run-alone": run_alone,
    "nothing-fits": nothing_fits,
    "documents": from_documents,
    "failed": failed,
    "too-short": too_short,
    "help": helped,
    "save": saving,
    "jump": jumping,
}


async def _shown(name: str, size: tuple[int, int], engine: Engine, **options: Any) -> DoctorApp:
    async with opened(size) as (app, pilot):
        if "theme" in options:
            app.theme = options["theme"]
        await STATES[name](pilot, app, engine)
        await settle(pilot, held=name in HELD)
        options["look"](app)
        engine.gate.set()
    return app


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed(
    name: str, size: tuple[int, int], engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tui.export_dialog.Path.cwd", lambda: type(tmp_path)("/notes"))
    await _shown(name, size, engine, look=lambda app: check(app, f"ask-{name}-{size[0]}x{size[1]}"))


@driven
async def test_the_light_theme_looks_as_designed(engine: Engine) -> None:
    look = lambda app: check(app, "ask-reranked-light")  # noqa: E731
    await _shown("reranked", (80, 24), engine, look=look, theme="doctor-light")


@driven
async def test_the_colours_of_the_terminal_look_as_designed(engine: Engine) -> None:
    look = lambda app: check(app, "ask-reranked-ansi")  # noqa: E731
    await _shown("reranked", (80, 24), engine, look=look, theme="ansi-dark")


@driven
async def test_without_colour_everything_is_still_told_apart(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(app: DoctorApp) -> None:
        check(app, "ask-reranked-no-color")
        shown = golden_form(app)
        assert "✗ run sick" in shown
        assert "↑" in shown
        assert "▌" in shown

    await _shown("reranked", (80, 24), engine, look=look)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(
    name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    forms: list[str] = []
    for _ in range(10):
        await _shown(name, (80, 24), engine, look=lambda app: forms.append(golden_form(app)))
        engine.error = None
    assert len(set(forms)) == 1
