"""The Compare screen: two runs overlaid, where they part, and what each key does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static
from tui_golden import check, golden_form, settle, shows, until_shown
from tui_pilot import driven, text_of, until

from tui.app import DoctorApp
from tui.compare.screen import CompareScreen
from tui.run.chart import ChartView
from tui.run.picker_pane import Picker
from tui.widgets.page import Page

PARTS_AT = 120
SIZES = ((80, 24), (100, 30), (120, 40))


def write(folder: Path, lr: float, *, falls: bool) -> None:
    """Write a run of 300 steps; one that does not fall stays where it is from step 120 on."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(
        json.dumps({"method": "simclr", "batch_size": 32, "lr": lr})
    )
    with (folder / "log.jsonl").open("w") as file:
        for step in range(300):
            at = step if falls else min(step, PARTS_AT)
            row = {"step": step, "loss": 4.1 * float(np.exp(-at / 200)) + rng.normal(0, 0.01)}
            row["z_std"] = 0.08 + rng.normal(0, 1e-3)
            if falls:
                row["knn_acc"] = 0.3 + step / 1000
            file.write(json.dumps(row) + "\n")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good", 0.1, falls=True)
    write(tmp_path / "stuck", 0.8, falls=False)
    return Path("good"), Path("stuck")


@asynccontextmanager
async def compared(
    pair: tuple[Path, Path] | None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[DoctorApp, Pilot[None], CompareScreen]]:
    app = DoctorApp()
    app.consultation.start = lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=size) as pilot:
        if pair is None:
            app.switch_mode("compare")
        else:
            app.compare(*pair)
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        if pair is not None:
            await until(pilot, lambda: "reading" not in said(screen))
        yield app, pilot, screen
    app.consultation.close()


def said(screen: CompareScreen) -> str:
    return text_of(screen.query_one("#parting", Static))


def rows(screen: CompareScreen) -> list[str]:
    metrics = screen.query_one("#metrics", OptionList)
    return [str(metrics.get_option_at_index(at).prompt) for at in range(metrics.option_count)]


@driven
async def test_two_runs_part_at_a_step_by_a_metric(runs: tuple[Path, Path]) -> None:
    async with compared(runs) as (_, _, screen):
        assert "They part at step" in said(screen)
        assert "first by loss" in said(screen)
        first = rows(screen)[0]
        step = int(first.split("parts at ")[1].split()[0])
        assert PARTS_AT - 20 <= step <= PARTS_AT + 60
        assert [row.split()[0] for row in rows(screen)] == ["loss", "z_std", "knn_acc"]
        assert "only in A" in rows(screen)[2]
        page = text_of(screen.query_one("#differing", Page).query_one(Static))
        assert "A 0.1   B 0.8" in page
        drawn = text_of(screen.query_one(ChartView))
        assert "○" in drawn
        assert "▄ " in drawn.splitlines()[0]


@driven
async def test_each_metric_has_its_chart_and_the_cursor_stays(runs: tuple[Path, Path]) -> None:
    async with compared(runs) as (_, pilot, screen):
        await pilot.press("left", "left_square_bracket")
        title = text_of(screen.query_one(ChartView)).splitlines()[0]
        assert title.strip().startswith("loss")
        assert "at step 299" not in title
        await pilot.press("down")
        title = text_of(screen.query_one(ChartView)).splitlines()[0]
        assert title.strip().startswith("z_std")
        assert "at step 299" not in title
        await pilot.press("x")
        assert "at step 299" in text_of(screen.query_one(ChartView)).splitlines()[0]


@driven
async def test_swap_changes_places_and_again_reads_anew(runs: tuple[Path, Path]) -> None:
    async with compared(runs) as (app, pilot, screen):
        assert screen.equivalent_command() == "ssl-doctor compare good stuck"
        await pilot.press("w")
        await until(pilot, lambda: app.session.compared == (runs[1], runs[0]))
        await until(pilot, lambda: "They part" in said(screen))
        assert screen.equivalent_command() == "ssl-doctor compare stuck good"
        assert "only in B" in rows(screen)[2]
        first = screen._pair
        await pilot.press("r")
        await until(pilot, lambda: screen._pair is not None and screen._pair is not first)


@driven
async def test_two_runs_are_chosen_one_after_the_other(runs: tuple[Path, Path]) -> None:
    async with compared(None) as (app, pilot, screen):
        for letter, path in zip("AB", runs, strict=True):
            title = screen.query(Picker).last().query_one("#picker-title")
            await until(pilot, lambda: f"{letter}?" in text_of(title))  # noqa: B023
            screen.query(Picker).last().query_one(Input).value = str(path)
            await pilot.pause()
            await pilot.press("enter")
            await until(pilot, lambda: screen._first == path or app.session.compared is not None)  # noqa: B023
        await until(pilot, lambda: "They part" in said(screen))
        await pilot.press("b")
        await until(pilot, lambda: bool(screen.query(Picker)))


@driven
async def test_a_run_that_cannot_be_read_is_told_with_the_way_out(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    async with compared((runs[0], tmp_path / "none")) as (_, pilot, screen):
        await until(pilot, lambda: "✗ not read" in said(screen))
        assert "b chooses other runs" in " ".join(said(screen).split())


Drive = Callable[[Pilot[None], CompareScreen], Awaitable[None]]


async def parted(pilot: Pilot[None], screen: CompareScreen) -> None:
    await until(pilot, lambda: "They part at step" in said(screen) and len(rows(screen)) == 3)
    await until_shown(pilot, "● They part", "loss  ▄ 0.9225", "Settings that differ")


async def unreadable(pilot: Pilot[None], screen: CompareScreen) -> None:
    await until_shown(pilot, "✗ not read", "b chooses other runs")


STATES: dict[str, tuple[tuple[Path, Path], Drive]] = {
    "parted": ((Path("good"), Path("stuck")), parted),
    "unreadable": ((Path("good"), Path("none")), unreadable),
}


async def shown(
    name: str, look: Callable[[DoctorApp], None], size: tuple[int, int] = (80, 24), theme: str = ""
) -> None:
    pair, drive = STATES[name]
    async with compared(pair, size) as (app, pilot, screen):
        if theme:
            app.theme = theme
        await drive(pilot, screen)
        await settle(pilot)
        look(app)


@pytest.mark.parametrize("size", SIZES, ids=lambda one: f"{one[0]}x{one[1]}")
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_as_designed(
    runs: tuple[Path, Path], name: str, size: tuple[int, int]
) -> None:
    await shown(name, lambda app: check(app, f"compare-{name}-{size[0]}x{size[1]}"), size)


@pytest.mark.parametrize("theme", ["doctor-light", "ansi-dark"])
@driven
async def test_other_themes_look_as_designed(runs: tuple[Path, Path], theme: str) -> None:
    await shown("parted", lambda app: check(app, f"compare-parted-{theme}"), theme=theme)


@driven
async def test_without_colour_the_runs_are_still_told_apart(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def look(app: DoctorApp) -> None:
        check(app, "compare-parted-no-color")
        assert shows(app, "▄ A", "○ B", "▄ 0.9225", "○ 2.253")

    await shown("parted", look)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATES)
@driven
async def test_a_state_looks_the_same_ten_times(runs: tuple[Path, Path], name: str) -> None:
    forms: list[str] = []
    for _ in range(10):
        await shown(name, lambda app: forms.append(golden_form(app)))
    assert len(set(forms)) == 1
